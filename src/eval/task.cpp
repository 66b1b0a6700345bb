#include "eval/task.h"

#include <algorithm>
#include <set>

#include "base/file_map.h"
#include "base/message.h"
#include "eval/rules.h"
#include "eval/template.h"
#include "eval/yaml_map.h"

namespace heng::eval {
namespace {

constexpr size_t kMostShots = 64;
constexpr size_t kMostTokens = 1 << 20;

// A path that stays inside the data folder.
void check_path(YamlMap& map, const std::string& key, const std::string& path) {
  const std::filesystem::path parts(path);
  const bool leaves =
      std::any_of(parts.begin(), parts.end(), [](const auto& p) { return p == ".."; });
  if (leaves || parts.is_absolute() || path.find('\0') != std::string::npos) {
    map.fail(key, "leads out of the data folder");
  }
}

DataLayout read_data(YAML::Node node, std::string_view file) {
  YamlMap map(node, file, "data");
  DataLayout data;
  data.folder = map.text("folder");
  check_path(map, "folder", data.folder);
  data.format = static_cast<DataFormat>(map.choice_or("format", {"csv", "jsonl", "lines"}, 0));
  data.header = map.flag_or("header", true);
  data.cells = static_cast<Cells>(map.choice_or("cells", {"pandas", "raw"}, 1));
  const YAML::Node fields = map.need("fields");
  YamlMap names(fields, file, "fields");
  for (const auto& pair : fields) {
    const std::string field = pair.first.Scalar();
    data.fields.emplace_back(field, names.text(field));
    if (data.format == DataFormat::kLines) check_path(names, field, data.fields.back().second);
  }
  data.shots = map.text_or("shots", "");
  check_path(map, "shots", data.shots);
  data.questions = map.texts_or_empty("questions");
  for (const auto& path : data.questions) check_path(map, "questions", path);
  if (data.questions.empty() && data.format != DataFormat::kLines)
    map.fail("questions", "is not said");
  map.refuse_others();
  return data;
}

// Whether {name} stands for something: a field of the data, or what is made of them.
bool is_known_name(const std::string& name, const DataLayout& data) {
  const auto has = [&](std::string_view wanted) {
    return std::any_of(data.fields.begin(), data.fields.end(),
                       [&](const auto& field) { return field.first == wanted; });
  };
  if (name == "subject" || name == "subject_words") return true;
  if (name == "signature" || name == "docstring") return has("prompt") && has("entry_point");
  return has(name);
}

void check_template(YamlMap& map, const std::string& key, const std::string& text,
                    const DataLayout& data) {
  for (const std::string& name : placeholders(text)) {
    if (!is_known_name(name, data)) {
      map.fail(key, "asks for {" + printable(name) + "}, which is no field of the data");
    }
  }
}

void check_protocol(YamlMap& map, const Protocol& p, const DataLayout& data) {
  check_template(map, "heading", p.heading, data);
  check_template(map, "shot", p.shot, data);
  check_template(map, "prompt", p.prompt, data);
  for (const auto& path : p.heading_file) check_path(map, "heading_file", path);
  if (p.shots > 0 && (p.shot.empty() || data.shots.empty())) {
    map.fail("shots", "needs the template shot and a file of examples (data: shots)");
  }
  if (p.rules.empty()) map.fail("rules", "is not said: " + rule_names());
  for (const auto& name : p.rules) {
    const Rule* rule = find_rule(name);
    if (!rule)
      map.fail("rules", "has \"" + printable(name) + "\", expected some of " + rule_names());
    if (rule->reads_letters == p.choices.empty()) {
      map.fail("rules",
               printable(name) + (p.choices.empty() ? " needs choices"
                                                    : " reads a reply, and choices have none"));
    }
  }
  for (const char* field : {"prompt", "entry_point", "test"}) {
    if (find_rule(p.rules[0])->runs_code && !is_known_name(field, data)) {
      map.fail("rules", std::string("run code: the data needs a field ") + field);
    }
  }
  if ((p.longest_prompt > 0) != (p.keep_tokens > 0) || p.keep_tokens > p.longest_prompt) {
    map.fail("keep_tokens", "goes with longest_prompt and is not over it");
  }
}

Protocol read_protocol(YAML::Node node, std::string_view file, const DataLayout& data) {
  YamlMap map(node, file, "a protocol");
  Protocol p;
  p.name = map.text("name");
  p.chat = map.choice_or("for", {"base", "chat"}, 0) == 1;
  p.about = map.text_or("about", "");
  p.heading = map.text_or("heading", "");
  p.heading_file = map.texts_or_empty("heading_file");
  p.shots = map.count_or("shots", kMostShots, 0);
  p.shot = map.text_or("shot", "");
  p.prompt = map.text("prompt");
  p.answer = map.text_or("answer", "answer");
  p.choices = map.texts_or_empty("choices");
  p.rules = map.texts_or_empty("rules");
  p.max_new_tokens = map.count_or("max_new_tokens", kMostTokens, 512);
  p.stop = map.texts_or_empty("stop");
  p.longest_prompt = map.count_or("longest_prompt", kMostTokens, 0);
  p.keep_tokens = map.count_or("keep_tokens", kMostTokens, 0);
  map.refuse_others();
  check_protocol(map, p, data);
  return p;
}

void read_groups(YamlMap& map, std::string_view file, Task& task) {
  const YAML::Node groups = map.find("groups");
  std::set<std::string> seen;
  if (groups.IsDefined()) {
    YamlMap names(groups, file, "groups");
    for (const auto& pair : groups) {
      Group group{pair.first.Scalar(), yaml_texts(pair.second, file, "a group")};
      for (const auto& subject : group.subjects) {
        if (subject.empty() || subject.find('/') != std::string::npos || subject[0] == '.') {
          fail_at(pair.second, file, "\"" + printable(subject) + "\" is no name of a subject");
        }
        if (seen.insert(subject).second) task.subjects.push_back(subject);
      }
      task.groups.push_back(std::move(group));
    }
  }
  std::sort(task.subjects.begin(), task.subjects.end());
  if (task.subjects.empty()) task.subjects = {""};
}

Published read_published(YAML::Node node, std::string_view file) {
  YamlMap map(node, file, "a published figure");
  Published figure;
  figure.model = map.text("model");
  figure.protocol = map.text("protocol");
  figure.split = map.text_or("split", "");
  figure.source = map.text("source");
  figure.value = map.number("value");
  map.refuse_others();
  return figure;
}

template <typename Read>
void read_list(YamlMap& map, const std::string& key, std::string_view file, const Read& read) {
  const YAML::Node list = map.find(key);
  if (!list.IsDefined()) return;
  if (!list.IsSequence()) fail_at(list, file, key + " is no list");
  for (const auto& item : list) read(item);
}

Task read_whole(YamlMap& map, std::string_view file) {
  Task task;
  task.source = map.text_or("source", "");
  task.data = read_data(map.need("data"), file);
  task.average = static_cast<Average>(map.choice_or("average", {"subjects", "questions"}, 1));
  read_groups(map, file, task);
  read_list(map, "protocols", file, [&](const YAML::Node& node) {
    task.protocols.push_back(read_protocol(node, file, task.data));
  });
  if (task.protocols.empty()) map.fail("protocols", "is empty or not said");
  for (const Protocol& p : task.protocols) task.data.answers.push_back(p.answer);
  return task;
}

// All but the questions is that of a built-in task.
Task read_another_split(YamlMap& map, const std::string& like) {
  const auto all = built_in_tasks();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& t) { return t.name == like; });
  if (found == all.end()) map.fail("like", "is no built-in task");
  Task task = parse_task(found->text, like + ".yaml");
  task.published.clear();
  task.data.questions = map.texts_or_empty("questions");
  for (const auto& path : task.data.questions) check_path(map, "questions", path);
  if (task.data.questions.empty()) map.fail("questions", "is not said");
  return task;
}

}  // namespace

const Protocol& Task::protocol(std::string_view wanted) const {
  std::string all;
  for (const Protocol& p : protocols) {
    if (p.name == wanted) return p;
    all += (all.empty() ? "" : ", ") + p.name;
  }
  throw Error(ErrorCode::kInvalidArgument, "--protocol: task " + name + " has no protocol \"" +
                                               printable(wanted) + "\". It has: " + all + ".");
}

const Protocol& Task::default_protocol(bool chat) const {
  for (const Protocol& p : protocols) {
    if (p.chat == chat) return p;
  }
  throw Error(ErrorCode::kUnsupported, "task " + name + " has no protocol for " +
                                           (chat ? "chat" : "base") +
                                           " models. Name another with --protocol.");
}

Task parse_task(std::string_view text, std::string_view file) {
  try {
    YamlMap map(load_yaml(text, file), file, "a task");
    const std::string like = map.text_or("like", "");
    Task task = like.empty() ? read_whole(map, file) : read_another_split(map, like);
    task.name = map.text("name");
    task.title = map.text("title");
    read_list(map, "published", file, [&](const YAML::Node& node) {
      task.published.push_back(read_published(node, file));
    });
    map.refuse_others();
    return task;
  } catch (const YAML::Exception& error) {
    throw Error(ErrorCode::kCorrupt, std::string(file) + ":" +
                                         std::to_string(std::max(error.mark.line, 0) + 1) +
                                         ": no task: " + printable(error.msg) + ".");
  }
}

Task find_task(const std::string& name_or_path) {
  if (name_or_path.ends_with(".yaml") || name_or_path.ends_with(".yml")) {
    return parse_task(read_text_file(name_or_path, size_t{1} << 20), name_or_path);
  }
  std::string all;
  for (const BuiltInTask& task : built_in_tasks()) {
    if (task.name == name_or_path) return parse_task(task.text, name_or_path + ".yaml");
    all += (all.empty() ? "" : ", ") + std::string(task.name);
  }
  throw Error(ErrorCode::kNotFound, "task \"" + printable(name_or_path) +
                                        "\" is not known. There are: " + all +
                                        "; a task file is named by its path, which ends in .yaml.");
}

}  // namespace heng::eval
