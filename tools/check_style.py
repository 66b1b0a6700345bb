#!/usr/bin/env python3
"""Holds the tree against the rules of docs/architecture.md that a program can check.

usage: check_style.py [--root DIR] [--build DIR]

Without --build the compiled kernels are not looked at. Exceptions stand in tools/style_allow.txt, one a
line with their reason. Prints a line per problem; exit status 1 where there is any.
"""
import argparse
import pathlib
import re
import subprocess
import sys

# Who may include whom: folder -> the other folders, and which public headers. The straight line goes
# from left to right; no folder includes one further down.
ANY_PUBLIC = "heng/"
ERRORS_ONLY = "heng/error.h"
MAY_INCLUDE = {
    "base": ([], ERRORS_ONLY),
    "checkpoint": (["base"], ERRORS_ONLY),
    "formats": (["base"], ERRORS_ONLY),
    "comm": (["base"], ERRORS_ONLY),
    "kernels": (["base", "formats"], ERRORS_ONLY),
    "ops": (["base", "formats", "kernels"], ERRORS_ONLY),
    "models": (["base", "checkpoint", "formats", "comm", "ops"], ERRORS_ONLY),
    "grammar": (["base"], ANY_PUBLIC),
    "text": (["base", "checkpoint"], ANY_PUBLIC),
    "engine": (["base", "checkpoint", "formats", "grammar", "comm", "kernels", "ops", "models",
                "text"], ANY_PUBLIC),
    "hub": (["base"], ERRORS_ONLY),
    "remote": (["base"], ANY_PUBLIC),
    "database": (["base"], ERRORS_ONLY),
    "statistics": (["base"], ERRORS_ONLY),
    "server": (["base", "remote", "database", "statistics"], ANY_PUBLIC),
    "eval": (["base", "hub", "comm", "remote", "database", "statistics"], ANY_PUBLIC),
    "apps": (["base", "remote", "statistics", "server", "eval", "hub"], ANY_PUBLIC),
}
# What is compiled once per instruction set must not bring shared inline functions along: the linker
# could give the AVX-512 copy of one to the whole program. base/half.h is always inlined.
PER_ISA = re.compile(r"^(src/)?(kernels/(.*\.isa\.cpp|.*-inl\.h|vec\w*\.h|kernel_table\.h)|"
                     r"base/half\.h)$")
PER_ISA_SYSTEM = {"cstddef", "cstdint", "immintrin.h"}

CODE_FOLDERS = ("include", "src", "apps", "tests", "fuzz", "bench", "examples")
MAX_LINES = {"include": 400, "src": 400, "apps": 400}
MAX_LINES_ELSEWHERE = 600
MAX_FUNCTION_LINES = 60
MAX_COLUMNS = 100
MAX_PUBLIC_LINES = 1100
MAX_CMAKE_LINES = 200

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
TODO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?:\(([\w-]+)\))?")


class Tree:
    """The files of one checkout, and the problems found in them."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.problems = []
        self.allowed = self.read_allowed()
        self.files = {}
        for folder in CODE_FOLDERS:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in (".h", ".cpp", ".inc") and path.is_file():
                    name = path.relative_to(self.root).as_posix()
                    self.files[name] = path.read_text(encoding="utf-8")

    def read_allowed(self):
        """{(rule, place)} of style_allow.txt; a line without a reason is a problem of its own."""
        allowed, path = set(), self.root / "tools" / "style_allow.txt"
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            if line.strip() and not line.startswith("#"):
                words = line.split(maxsplit=2)
                if len(words) < 3:
                    self.report("allow", "tools/style_allow.txt", f"no reason given: {line}")
                allowed.add(tuple(words[:2]))
        return allowed

    def report(self, rule, place, text):
        if (rule, place) not in getattr(self, "allowed", ()):
            self.problems.append(f"{place}: {text} [{rule}]")


def folder_of(name):
    """src/text/nfc.cpp -> text; apps/heng.cpp -> apps; None where anything may be included."""
    parts = name.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return "apps" if parts[0] == "apps" else None


def check_includes(tree):
    for name, text in tree.files.items():
        folder = folder_of(name)
        for kind, header in INCLUDE.findall(text):
            if name.startswith("include/"):
                if not header.startswith("heng/") and (kind == '"' or "." in header or "/" in header):
                    tree.report("include", name,
                                f"a public header includes {header}; it may include the standard "
                                "library and heng/ only")
            elif folder is not None:
                problem = include_problem(tree, name, folder, kind, header)
                if problem:
                    tree.report("include", name, problem)


def include_problem(tree, name, folder, kind, header):
    """Why `folder` may not include `header`, or None."""
    if PER_ISA.match(name):
        ok = header in PER_ISA_SYSTEM if kind == "<" else PER_ISA.match(header)
        return None if ok else f"is compiled per instruction set and includes {header}"
    if kind == "<":
        return None
    if folder not in MAY_INCLUDE:
        return f"folder {folder} has no row in the table of tools/check_style.py"
    others, public = MAY_INCLUDE[folder]
    if header.startswith("heng/"):
        ok = header.startswith(public)
    else:
        first = header.split("/")[0]
        ok = first in others or first == folder or (folder == "apps" and first not in MAY_INCLUDE)
    if not ok:
        return f"{folder} may not include {header}; it may include {', '.join([*others, public])}"
    if folder != "kernels" and header.startswith("kernels/") and (
            "-inl.h" in header or header.startswith("kernels/vec")):
        return f"includes {header}; only per-ISA sources may"
    return None


def check_sizes(tree):
    for name, text in tree.files.items():
        lines = text.splitlines()
        limit = MAX_LINES.get(name.split("/")[0], MAX_LINES_ELSEWHERE)
        if len(lines) > limit:
            tree.report("length", name, f"{len(lines)} lines, at most {limit}")
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS:
                tree.report("columns", name,
                            f"line {number} has {len(line)} columns, at most {MAX_COLUMNS}")
    public = sum(len(text.splitlines()) for name, text in tree.files.items()
                 if name.startswith("include/"))
    if public > MAX_PUBLIC_LINES:
        tree.report("length", "include/heng",
                    f"the public headers have {public} lines together, at most {MAX_PUBLIC_LINES}")
    cmake = tree.root / "CMakeLists.txt"
    if cmake.is_file() and len(cmake.read_text().splitlines()) > MAX_CMAKE_LINES:
        tree.report("length", "CMakeLists.txt", f"over {MAX_CMAKE_LINES} lines")


def check_heads(tree):
    for name, text in tree.files.items():
        if name.endswith(".h"):
            if not text.startswith("//"):
                tree.report("head", name, "a header begins with a comment: what it is, what it owns, "
                            "which threads may use it")
            if "#pragma once" not in text:
                tree.report("head", name, "no #pragma once")


def check_words(tree):
    roadmap = tree.root / "docs" / "roadmap.md"
    known = roadmap.read_text(encoding="utf-8") if roadmap.is_file() else ""
    for name, text in tree.files.items():
        for match in TODO.finditer(text):
            if not match[2] or match[2] not in known:
                line = text.count("\n", 0, match.start()) + 1
                tree.report("words", name, f"line {line}: {match[0]} without its entry in "
                            "docs/roadmap.md")


def blank_out(text):
    """The text with comments, literals and preprocessor lines blanked; line breaks stay."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
                       r"|'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\n|[^\n])*", re.S | re.M)
    # 1'000 is a number: its quotes would pair up with others.
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "", text)
    return token.sub(lambda m: "\n" * m[0].count("\n"), text)


def functions(text):
    """(name, lines) of each function body at namespace or class level, found by matching braces."""
    found, stack, head_start = [], [], 0
    text = blank_out(text)
    for match in re.finditer(r"[{};]", text):
        head, at = text[head_start:match.start()].strip(), match.start()
        head_start = match.end()
        if match[0] == "{":
            stack.append((block_kind(head, stack), function_name(head), at))
        elif match[0] == "}" and stack:
            kind, name, begin = stack.pop()
            if kind == "function":
                found.append((name, text.count("\n", begin, at) + 1))
    return found


def block_kind(head, stack):
    if any(kind != "scope" for kind, _, _ in stack):
        return "inner"
    if head.endswith(("=", ",", "(", "return")):
        return "inner"
    if "(" in head and not re.match(r"(?:typedef\s+)?(?:struct|class|enum|union|namespace)\b", head):
        return "function"
    return "scope"


def function_name(head):
    match = re.search(r"([~\w:]+(?:\s*operator\s*\S+)?)\s*\(", head)
    return match[1] if match else "?"


def check_functions(tree):
    for name, text in tree.files.items():
        for function, lines in functions(text):
            if lines > MAX_FUNCTION_LINES:
                tree.report("function", f"{name}:{function}",
                            f"{lines} lines, at most {MAX_FUNCTION_LINES}")


def check_objects(tree, build):
    """Each per-ISA object defines its level's table for the linker, and nothing else."""
    levels = re.search(r"set\(HENG_ISA_LEVELS ([^)]*)\)", (tree.root / "cmake/isa.cmake").read_text())
    for level in levels[1].split():
        table, tables = f"heng::{level}::kTable", 0
        for path in sorted(pathlib.Path(build).rglob(f"heng_kernels_{level}.dir/**/*.isa.cpp.o")):
            for kind, symbol in defined_symbols(path):
                if symbol == table and kind in "RD":
                    tables += 1
                elif "_GLOBAL__" in symbol:
                    tree.report("symbols", f"{level}/{path.name}",
                                "runs code at program start, on processors that lack its level too")
                elif kind.isupper() or kind in "uvw":
                    tree.report("symbols", f"{level}/{path.name}",
                                f"defines {symbol} (nm: {kind}); only {table} may be seen outside")
        if tables != 1:
            tree.report("symbols", level, f"{tables} objects in {build} define {table}, expected one")


def defined_symbols(path):
    """[(kind, demangled name)] as nm has them; small letters are local, but for u, v and w."""
    out = subprocess.run(["nm", "-C", "--defined-only", str(path)], text=True,
                         capture_output=True, check=True).stdout
    return [tuple(line.split(maxsplit=2)[1:]) for line in out.splitlines() if line.strip()]


def check(root, build=None):
    """The problems of a checkout, as lines."""
    tree = Tree(root)
    for rule in (check_includes, check_sizes, check_heads, check_words, check_functions):
        rule(tree)
    if build:
        check_objects(tree, build)
    return tree.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--build")
    arguments = parser.parse_args()
    problems = check(arguments.root, arguments.build)
    print("\n".join(problems) if problems else "the house is in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
