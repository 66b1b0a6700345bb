#include "engine/licence.h"

#include <gtest/gtest.h>

#include "support/tiny_model.h"

namespace heng::engine {
namespace {

// A model folder to which a test adds files.
struct Folder {
  test::TempDir dir;
  test::TinyModel model{*models::all_architectures().back()};

  std::string licence() const {
    model.write(dir.path());
    return licence_of(*checkpoint::Checkpoint::open(dir.path()));
  }
  void add(const std::string& name, const std::string& text) const {
    test::write_file(dir.path() / name, text);
  }
};

TEST(Licence, IsEmptyWhereNoFileSays) {
  EXPECT_EQ(Folder().licence(), "");
}

TEST(Licence, ConfigurationComesBeforeCardAndFile) {
  Folder folder;
  folder.model.config["license"] = "mit";
  folder.add("README.md", "---\nlicense: apache-2.0\n---\n");
  EXPECT_EQ(folder.licence(), "mit");
}

TEST(Licence, CardHeaderIsRead) {
  const Folder folder;
  folder.add("README.md", "---\nlanguage: [zh]\nlicense: \"apache-2.0\"\n---\nlicense: not this\n");
  folder.add("LICENSE", "Something else\n");
  EXPECT_EQ(folder.licence(), "apache-2.0");
}

TEST(Licence, OtherTakesItsName) {
  const Folder folder;
  folder.add("README.md", "---\nlicense: other\nlicense_name: tongyi-qianwen\n---\n");
  EXPECT_EQ(folder.licence(), "tongyi-qianwen");
}

TEST(Licence, ACardWithoutHeaderSaysNothing) {
  const Folder folder;
  folder.add("README.md", "# Model\nlicense: mit\n");
  folder.add("LICENSE", "\n\n  LLAMA 2 COMMUNITY LICENSE AGREEMENT  \nmore\n");
  EXPECT_EQ(folder.licence(), "LLAMA 2 COMMUNITY LICENSE AGREEMENT");
}

TEST(Licence, LongAndStrangeTitlesAreShownSafely) {
  const Folder folder;
  folder.add("LICENSE", std::string("\x1b[31m") + std::string(500, 'x') + "\n");
  const std::string licence = folder.licence();
  EXPECT_EQ(licence.find('\x1b'), std::string::npos);
  EXPECT_LT(licence.size(), 120u);
}

}  // namespace
}  // namespace heng::engine
