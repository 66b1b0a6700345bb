#!/usr/bin/env bash
# Takes a fresh Debian 12 to a running program; the Makefile is a thin face of this. A step that has
# nothing to do says nothing, so a second run goes straight to the answer.
#
#   tools/setup.sh build    missing packages, then the program: build/heng
#   tools/setup.sh chat     the same, the model, then a conversation; one answer with PROMPT set
#   tools/setup.sh test     the same with tests and fuzz targets, then all tests
#   tools/setup.sh fuzz     the fuzz targets, each for FUZZ_SECONDS
#   tools/setup.sh bench    the benchmarks
#   tools/setup.sh bench-peer   our speed beside llama.cpp's
#   tools/setup.sh bench-serve  heng serve under load beside llama-server
#   tools/setup.sh soak     heng serve for a while, with clients that leave
#   tools/setup.sh lm-eval  PyPI's lm_eval over heng serve
#   tools/setup.sh sanitize tests of server, engine and grammar under sanitizers
#   tools/setup.sh quality  what rounding does to scores on real text
#
# Environment: MODEL, PROMPT, HENG_MODELS, FUZZ_SECONDS, SOAK_REQUESTS, CTEST_ARGS, as `make help` tells them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/progress.sh
source tools/progress.sh

goal=${1:-chat}
build="build"
fuzz_build="build-fuzz"
log=$build/setup.log
model=${MODEL:-}
lm_eval_version=0.4.13
mkdir -p "$build"
first=0  # a first run says of every step what it found
[[ -x $build/heng ]] || first=1
fresh=$first  # set where any step found something to do
: >"$log"

# run_logged READER COMMAND...: output goes to the log, and line by line to READER, which may draw.
run_logged() {
  local reader=$1 line
  shift
  printf '\n$ %s\n' "$*" >>"$log"
  "$@" </dev/null 2>&1 | while IFS= read -r line || [[ -n $line ]]; do
    printf '%s\n' "$line" >>"$log"
    "$reader" "$line"
  done
}

no_reader() { :; }

# Packages of the sections named, one a line.
packages_of() {
  awk -v sections=" $* " '/^\[/ { take = index(sections, " " substr($0, 2, length($0) - 2) " ") }
                          take && /^[a-z0-9]/ { print $1 }' packaging/packages.txt
}

missing_packages() {
  local want
  mapfile -t want < <(packages_of "$@")
  comm -23 <(printf '%s\n' "${want[@]}" | sort) \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${want[@]}" 2>/dev/null |
      awk '$1 == "installed" { print $2 }' | sort)
}

# apt reports "dlstatus:1:20.4:..." while it downloads and "pmstatus:name:61.5:..." while it installs.
read_apt() {
  local percent
  [[ $1 == ??status:*:*:* ]] || return 0
  percent=${1#*:*:}
  percent=${percent%%[.:]*}
  [[ $1 == pm* ]] && percent=$((50 + percent / 2)) || percent=$((percent / 2))
  step_bar "$percent" "$package_note  " "$(time_left "$percent")"
}

step_packages() {
  step 1 packages "$(t 'packages    ' '软件包      ')"
  local missing as_root=() get
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    step_line "$(t "not Debian: see packaging/packages.txt for what the build needs" \
      "不是 Debian：编译所需见 packaging/packages.txt")"
    return
  fi
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    ((first == 0)) || step_line "$(t "all present" "齐备")"
    return
  fi
  fresh=1
  package_note="$(t "${#missing[@]} to install" "需安装 ${#missing[@]} 个")"
  step_note "$package_note: ${missing[*]}"
  local by_hand="apt-get install ${missing[*]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || step_failed "" \
      "$(t "Packages are missing and there is no sudo. As root: $by_hand" \
        "缺少软件包且没有 sudo。请以 root 运行：$by_hand")"
    sudo -v || step_failed "" "$(t "sudo was refused. As root: $by_hand" \
      "sudo 被拒绝。请以 root 运行：$by_hand")"
    as_root=(sudo)
  fi
  get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120)
  local advice
  advice="$(t "Check the network and the package sources, then run this again; or as root: $by_hand" \
    "请检查网络和软件源后重试；或以 root 运行：$by_hand")"
  run_logged no_reader "${get[@]}" update || step_failed "$log" "$advice"
  run_logged read_apt "${get[@]}" install -y --no-install-recommends -o APT::Status-Fd=1 \
    "${missing[@]}" || step_failed "$log" "$advice"
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} == 0)) || step_failed "$log" \
    "$(t "Still missing: ${missing[*]}. $advice" "仍然缺少：${missing[*]}。$advice")"
  step_line "$(t "all present" "齐备")  $(duration "$(step_elapsed)")"
}

# Ninja says "[12/143] Building ...", make "[ 12%] Building ...". Ninja's "[0/..." lines are its own.
read_build() {
  local percent
  if [[ $1 =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
    ((BASH_REMATCH[1] > 0)) || return 0
    percent=$((100 * BASH_REMATCH[1] / BASH_REMATCH[2]))
  elif [[ $1 =~ ^\[\ *([0-9]+)%\]\ (Build|Link) ]]; then
    percent=${BASH_REMATCH[1]}
  else
    return 0
  fi
  [[ -e $build/.worked ]] || { : >"$build/.worked"; step_note "$build_note"; }
  step_bar "$percent" "$build_note  " "$(time_left "$percent")"
}

# configure FOLDER OPTION=ON...: configures where an option is not on yet. What is on stays on, so that
# `make chat` after `make test` rebuilds nothing.
configure() {
  local dir=$1 option wanted=() generator=()
  shift
  if [[ -f $dir/CMakeCache.txt ]] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$dir/CMakeCache.txt"; then
    rm -rf "$dir/CMakeCache.txt" "$dir/CMakeFiles"  # a tree that was moved or copied here
  fi
  if [[ ! -f $dir/build.ninja && ! -f $dir/Makefile ]]; then
    rm -f "$dir/CMakeCache.txt"
    generator=(-G Ninja)
    wanted=(-DHENG_TESTS=OFF -DHENG_BENCH=OFF)
  fi
  for option in "$@"; do
    grep -qE "^${option%%=*}:[A-Z]*=${option#*=}$" "$dir/CMakeCache.txt" 2>/dev/null ||
      wanted+=("-D$option")
  done
  ((${#wanted[@]})) || return 0
  run_logged no_reader cmake -S . -B "$dir" "${generator[@]}" "${wanted[@]}" ||
    step_failed "$log" "$(t "CMake did not accept this machine; $log has the whole story." \
      "CMake 配置失败；全部输出在 $log。")"
}

# compile FOLDER TARGET
compile() {
  run_logged read_build cmake --build "$1" --target "$2" -j "$(nproc)" ||
    step_failed "$log" \
      "$(t "The whole output is in $log. An earlier half-built tree can be cleared: make clean" \
        "全部输出在 $log。可先清理旧的编译目录：make clean")"
}

# step_build TARGET OPTION=ON...
step_build() {
  step 2 build "$(t 'build       ' '编译        ')"
  build_note=Release
  rm -f "$build/.worked"
  local target=$1
  shift
  configure "$build" "$@"
  compile "$build" "$target"
  if [[ $goal == test || $goal == fuzz ]]; then
    build_note="$(t "fuzz targets" "模糊测试程序")"
    CC=clang CXX=clang++ configure "$fuzz_build" HENG_FUZZ=ON HENG_SANITIZE=address,undefined \
      CMAKE_BUILD_TYPE=RelWithDebInfo
    compile "$fuzz_build" fuzz/all
  fi
  if [[ -e $build/.worked ]]; then
    fresh=1
    rm -f "$build/.worked"
    step_line "Release  $(duration "$(step_elapsed)")"
  fi
}

# Lines of fetch_default_model.py: "progress DONE TOTAL", "fetching NAME", or, last, the model's path.
read_fetch() {
  local word done_bytes total_bytes percent
  read -r word done_bytes total_bytes <<<"$1"
  case $word in
    fetching) step_note "$done_bytes, $total_bytes" ;;
    progress)
      percent=$((100 * done_bytes / total_bytes))
      local seconds=$((SECONDS - step_start))
      local speed=$((done_bytes / 1000000 / (seconds > 0 ? seconds : 1)))
      step_bar "$percent" "SmolLM2-135M-Instruct Q4_1  " \
        "$((done_bytes / 1000000))/$((total_bytes / 1000000)) MB  $speed MB/s  $(time_left "$percent")"
      ;;
    path) printf '%s' "${1#path }" >"$build/.model" ;;
    fetched) : >"$build/.worked" ;;
  esac
}

# The clients that the server is held against, in a Python environment of the tests' own.
step_clients() {
  local want=packaging/test-requirements.txt have=$build/venv/requirements.txt
  cmp -s "$want" "$have" && return
  run_logged no_reader python3 -m venv --clear "$build/venv" &&
    run_logged no_reader "$build/venv/bin/python3" -m pip install --quiet --disable-pip-version-check \
      -r "$want" && cp "$want" "$have" || step_failed "$log" \
    "$(t "Check the network (PyPI), then run this again." "请检查网络（PyPI）后重试。")"
}

# lm_eval in an environment of its own: it brings much along, and no test needs it.
step_lm_eval() {
  local want="lm_eval[api]==$lm_eval_version" have=$build/lm-eval/requirement.txt
  [[ -f $have && $(<"$have") == "$want" ]] && return
  run_logged no_reader python3 -m venv --clear "$build/lm-eval" &&
    run_logged no_reader "$build/lm-eval/bin/python3" -m pip install --quiet \
      --disable-pip-version-check "$want" && echo "$want" >"$have" || step_failed "$log" \
    "$(t "Check the network (PyPI), then run this again." "请检查网络（PyPI）后重试。")"
}

step_model() {
  step 3 model "$(t 'model       ' '模型        ')"
  [[ -n $model ]] && return
  rm -f "$build/.model"
  run_logged read_fetch python3 tools/fetch_default_model.py ||
    step_failed "$log" \
      "$(t "Check the network (PyPI) and the disk, then run this again; or use a model of your own: make chat MODEL=/path/to/model" \
        "请检查网络（PyPI）和磁盘后重试；或使用自己的模型：make chat MODEL=/path/to/model")"
  model=$(<"$build/.model")
  if [[ -e $build/.worked ]]; then
    fresh=1
    rm -f "$build/.worked"
    step_line "SmolLM2-135M-Instruct Q4_1  98 MB  $(duration "$(step_elapsed)")"
  elif ((first)); then
    step_line "$(t "SmolLM2-135M-Instruct Q4_1, in the cache" "SmolLM2-135M-Instruct Q4_1，已在缓存中")"
  fi
}

step_ready() {
  step 4 ready "$(t 'ready' '就绪')"
  ((fresh == 0)) || step_line ""
}

# The conversation gets a process group of its own: Ctrl-C stops a reply there and does not reach make.
start_chat() {
  local arguments=("$build/heng" chat "$model")
  [[ -n ${PROMPT:-} ]] && exec "${arguments[@]}" --prompt "$PROMPT"
  [[ -t 0 ]] || exec "${arguments[@]}"
  set -m
  local status=0
  "${arguments[@]}" || status=$?
  ((status == 130)) || return "$status"  # leaving by Ctrl-C is no failure of make's
}

run_tests() {
  export HENG_DEFAULT_MODEL=$model HENG_REQUIRE_CLIENTS=1
  # shellcheck disable=SC2086  # CTEST_ARGS is a list of words
  (cd "$build" && ctest --output-on-failure -j "$(nproc)" ${CTEST_ARGS:-})
}

# New inputs are kept in the build folder; those in fuzz/corpus are only read.
run_fuzz() {
  local source name found
  for source in fuzz/fuzz_*.cpp; do
    name=$(basename "$source" .cpp)
    name=${name#fuzz_}
    found=$fuzz_build/fuzz/corpus/$name
    mkdir -p "$found"
    echo "== $name, $(duration "${FUZZ_SECONDS:-3600}")"
    "$fuzz_build/fuzz/fuzz_$name" -fork="$(nproc)" -max_total_time="${FUZZ_SECONDS:-3600}" \
      -timeout=20 -rss_limit_mb=2048 -artifact_prefix="$fuzz_build/" "$found" "fuzz/corpus/$name"
  done
}

# Every test program of server, engine and grammar, once by each sanitizer. The golden tests of whole models
# stay out: they compute the same as the small ones, for hours.
run_sanitized() {
  local kind dir program
  for kind in thread address,undefined; do
    dir=build-asan
    [[ $kind == thread ]] && dir=build-tsan
    configure "$dir" HENG_TESTS=ON HENG_SANITIZE="$kind" CMAKE_BUILD_TYPE=RelWithDebInfo
    for program in grammar engine server; do
      compile "$dir" "heng_${program}_tests"
      echo "== $program, -fsanitize=$kind"
      TSAN_OPTIONS=halt_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        "$dir/tests/heng_${program}_tests" --gtest_brief=1 --gtest_filter='-*Golden*'
    done
  done
}

run_bench() {
  local program
  export HENG_BENCH_MODEL=$model  # whose tokenizer a benchmark measures
  "$build/heng" bench "$model"
  for program in "$build"/bench/*_bench; do
    if [[ -x $program ]]; then "$program"; fi
  done
}

case $goal in
  packages) step_packages build "${@:2}" ;;
  build) step_packages build; step_build heng ;;
  chat) step_packages build; step_build heng; step_model; step_ready; start_chat ;;
  test)
    step_packages build test
    step_build all HENG_TESTS=ON
    step_clients; step_model; step_ready; run_tests
    ;;
  fuzz) step_packages build test; step_build heng; run_fuzz ;;
  bench)
    step_packages build bench
    step_build all HENG_BENCH=ON
    step_model; step_ready; run_bench
    ;;
  bench-peer)
    step_packages build
    step_build heng
    step_model; step_ready
    exec python3 tools/bench_peer.py --heng "$build/heng" "$model"
    ;;
  bench-serve)
    step_packages build load
    step_build heng
    step_model; step_ready
    exec python3 tools/bench_serve.py --heng "$build/heng" "$model"
    ;;
  soak)
    step_packages build
    step_build heng
    step_model; step_ready
    exec python3 tools/soak.py --heng "$build/heng" --requests "${SOAK_REQUESTS:-1000}" "$model"
    ;;
  lm-eval)
    step_packages build test
    step_build heng
    step_lm_eval; step_model; step_ready
    exec python3 tools/check_lm_eval.py --heng "$build/heng" --lm-eval "$build/lm-eval/bin/lm_eval" \
      "$model"
    ;;
  sanitize)
    step_packages build test
    step_build heng
    step_model; step_ready; run_sanitized
    ;;
  quality)
    step_packages build
    step_build heng
    step_model; step_ready
    exec python3 tools/check_quality.py --heng "$build/heng" "$model"
    ;;
  *) sed -n '2,17p' "$0"; exit 2 ;;
esac
