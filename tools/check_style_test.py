#!/usr/bin/env python3
"""Every rule of check_style.py against a small tree that breaks it, and one that breaks none."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import check_style

HEADER = "// A header of the tests.\n#pragma once\n"


class CheckStyleTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def assert_problem(self, *words):
        problems = check_style.check(self.root)
        self.assertEqual(len(problems), 1, problems)
        for word in words:
            self.assertIn(word, problems[0])

    def assert_in_order(self):
        self.assertEqual(check_style.check(self.root), [])

    def test_a_tidy_tree_has_no_problems(self):
        self.write("include/heng/model.h", HEADER + '#include <vector>\n#include "heng/error.h"\n')
        self.write("src/text/nfc.cpp", '#include "text/nfc.h"\n#include "base/json.h"\n'
                   '#include "heng/tokenizer.h"\n#include <utf8proc.h>\n')
        self.write("src/engine/model.cpp", '#include "models/decoder.h"\n')
        self.write("apps/commands/chat.cpp", '#include "terminal/line.h"\n#include "base/log.h"\n')
        self.write("tests/text/nfc_test.cpp", '#include "kernels/vec.h"\n')
        self.assert_in_order()

    def test_a_folder_may_not_include_one_further_down(self):
        self.write("src/text/nfc.cpp", '#include "engine/engine.h"\n')
        self.assert_problem("src/text/nfc.cpp", "engine/engine.h", "[include]")

    def test_apps_may_not_see_the_inner_headers_of_the_engine(self):
        self.write("apps/commands/chat.cpp", '#include "engine/sampler.h"\n')
        self.assert_problem("apps/commands/chat.cpp", "engine/sampler.h")

    def test_inner_folders_see_only_the_errors_of_the_public_headers(self):
        self.write("src/models/qwen.cpp", '#include "heng/error.h"\n#include "heng/model.h"\n')
        self.assert_problem("src/models/qwen.cpp", "heng/model.h")

    def test_a_folder_without_a_row_in_the_table_is_a_problem(self):
        self.write("src/misc/all.cpp", '#include "base/json.h"\n')
        self.assert_problem("src/misc/all.cpp", "misc")

    def test_public_headers_include_the_standard_library_only(self):
        self.write("include/heng/model.h", HEADER + "#include <nlohmann/json.hpp>\n")
        self.assert_problem("include/heng/model.h", "nlohmann/json.hpp")

    def test_per_isa_sources_may_not_include_the_standard_library(self):
        self.write("src/kernels/matmul-inl.h", HEADER + "#include <cstdint>\n#include <algorithm>\n")
        self.assert_problem("src/kernels/matmul-inl.h", "algorithm")

    def test_what_per_isa_sources_include_is_held_to_the_same(self):
        self.write("src/kernels/a.isa.cpp", '#include "base/half.h"\n#include "kernels/vec.h"\n')
        self.write("src/base/half.h", HEADER + "#include <cstdint>\n#include <cmath>\n")
        self.assert_problem("src/base/half.h", "cmath")

    def test_bodies_of_kernels_stay_in_kernels(self):
        self.write("src/ops/cpu_backend.cpp", '#include "kernels/kernel_table.h"\n'
                   '#include "kernels/matmul-inl.h"\n')
        self.assert_problem("src/ops/cpu_backend.cpp", "matmul-inl.h")

    def test_long_files(self):
        self.write("src/base/a.cpp", "\n" * 401)
        self.write("tests/base/a_test.cpp", "\n" * 600)
        self.assert_problem("src/base/a.cpp", "401 lines", "[length]")

    def test_long_public_headers_together(self):
        for name in "abc":
            self.write(f"include/heng/{name}.h", HEADER + "\n" * 365)
        self.assert_problem("include/heng", "1101 lines")

    def test_long_lines_count_characters_not_bytes(self):
        self.write("src/base/a.cpp", "// " + "衡" * 97 + "\n// " + "x" * 98 + "\n")
        self.assert_problem("line 2 has 101 columns")

    def test_long_functions(self):
        body = "  f();\n" * 60
        self.write("src/base/a.cpp", "namespace a {\nstruct B {\n  int c() const {\n" + body +
                   "  }\n};\nvoid d() {\n  if (x) {\n    f();\n  }\n}\n}  // namespace a\n")
        self.assert_problem("src/base/a.cpp:c", "62 lines", "[function]")

    def test_braces_in_literals_and_comments_do_not_count(self):
        self.write("src/base/a.cpp", "void a() {\n  // }}} {\n  f(\"}\", '{', R\"(}})\");\n" +
                   "  g(1'000);\n" * 30 + "}\nvoid b() {\n" + "  g();\n" * 30 + "}\n")
        self.assert_in_order()

    def test_tables_are_no_functions(self):
        self.write("src/base/a.cpp", "const int kTable[] = {\n" + "  f(1),\n" * 100 + "};\n")
        self.assert_in_order()

    def test_headers_without_a_head(self):
        self.write("src/base/a.h", "#pragma once\n")
        self.assert_problem("src/base/a.h", "[head]")

    def test_unfinished_work_needs_an_entry_in_the_roadmap(self):
        self.write("docs/roadmap.md", "- cuda-graphs: later\n")
        self.write("src/base/a.cpp", "// TODO(cuda-graphs): capture\n// " "TODO: clean up\n")
        self.assert_problem("src/base/a.cpp", "line 2")

    def test_exceptions_are_allowed_with_a_reason_only(self):
        self.write("src/base/a.cpp", "\n" * 401)
        self.write("tools/style_allow.txt", "# comment\nlength src/base/a.cpp one long table\n")
        self.assert_in_order()
        self.write("tools/style_allow.txt", "length src/base/a.cpp\n")
        self.assert_problem("no reason given")


class ObjectsTest(unittest.TestCase):
    """What a per-ISA object may define, on objects compiled here."""

    def setUp(self):
        self.build = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.build)

    def problems_of(self, code):
        folder = self.build / "CMakeFiles" / "heng_kernels_avx2.dir"
        folder.mkdir(parents=True)
        (self.build / "cmake").mkdir()
        (self.build / "cmake" / "isa.cmake").write_text("set(HENG_ISA_LEVELS avx2)\n")
        source = self.build / "kernels.cpp"
        source.write_text(code)
        subprocess.run(["c++", "-c", str(source), "-o", str(folder / "kernels.isa.cpp.o")],
                       check=True)
        return check_style.check(self.build, self.build)

    def test_the_table_alone_is_in_order(self):
        self.assertEqual(self.problems_of(
            "namespace heng::avx2 { namespace { int f() { return 1; } }\n"
            "extern int (*const kTable)(); int (*const kTable)() = f; }\n"), [])

    def test_a_weak_inline_function_is_a_problem(self):
        problems = self.problems_of(
            "inline int shared() { static int n; return ++n; }\n"
            "namespace heng::avx2 { extern int (*const kTable)(); int (*const kTable)() = shared; }\n")
        self.assertTrue(any("shared()" in line and "nm: W" in line for line in problems), problems)

    def test_code_at_program_start_is_a_problem(self):
        problems = self.problems_of(
            "int f(); namespace heng::avx2 { extern const int kTable; const int kTable = f(); }\n")
        self.assertTrue(any("program start" in line for line in problems), problems)

    def test_a_missing_table_is_a_problem(self):
        problems = self.problems_of("namespace { int f() { return 1; } int (*volatile g)() = f; }\n")
        self.assertEqual(len(problems), 1)
        self.assertIn("0 objects", problems[0])


if __name__ == "__main__":
    unittest.main()
