# shellcheck shell=bash
# Step lines and bars for setup.sh; source it. Everything goes to standard error, so that standard output
# holds nothing but the answer. A terminal gets a moving bar, anything else plain lines.

progress_tty=0
[[ -t 2 && ${TERM:-dumb} != dumb ]] && progress_tty=1
progress_locale=${LC_ALL:-${LC_CTYPE:-${LANG:-}}}
progress_utf8=0
[[ $progress_locale =~ [Uu][Tt][Ff]-?8 ]] && progress_utf8=1
progress_steps=4

# t ENGLISH CHINESE: the one for the user's language.
t() {
  if [[ ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} == zh* && $progress_utf8 == 1 ]]; then
    printf '%s' "$2"
  else
    printf '%s' "$1"
  fi
}

# 7 -> 7s, 72 -> 1m12s
duration() {
  local s=$1
  if ((s < 60)); then printf '%ds' "$s"; else printf '%dm%02ds' $((s / 60)) $((s % 60)); fi
}

# step NUMBER NAME LABEL: begins a step. LABEL is NAME in the user's language, padded to 12 columns.
# Nothing is printed until there is something to say.
step() {
  step_number=$1 step_name=$2 step_label=$3
  step_start=$SECONDS step_start_us=${EPOCHREALTIME/[.,]/} step_drawn=0
  progress_columns=80
  if ((progress_tty)); then progress_columns=$(tput cols 2>/dev/null || echo 80); fi
}

step_elapsed() { echo $((SECONDS - step_start)); }

# One line to stay. On a terminal it takes the place of the bar.
step_line() {
  local head="[$step_number/$progress_steps] $step_label"
  ((progress_tty)) && printf '\r\033[K' >&2
  printf '%s%s\n' "$head" "$1" >&2
}

# The start of something long: a terminal shows the bar instead.
step_note() { ((progress_tty)) || step_line "$1"; }

# 61 -> ████████████▏ of 20 columns
bar() {
  local percent=$1 eighths=$(($1 * 160 / 100)) out='' i
  local -a part=('' ▏ ▎ ▍ ▌ ▋ ▊ ▉)
  if ((progress_utf8 == 0)); then
    for ((i = 0; i < 20; i++)); do ((i < percent / 5)) && out+='#' || out+='.'; done
    printf '%s' "$out"
    return
  fi
  for ((i = 0; i < eighths / 8; i++)); do out+=█; done
  out+=${part[eighths % 8]}
  printf '%s%*s' "$out" $((20 - (eighths + 7) / 8)) ''
}

# step_bar PERCENT BEFORE AFTER: redraws the bar, at most ten times a second and not in the first half
# second of a step. The bar itself gives way on a narrow terminal.
step_bar() {
  ((progress_tty)) || return 0
  local now=${EPOCHREALTIME/[.,]/}
  ((now - step_start_us > 500000 && now - step_drawn > 100000)) || return 0
  step_drawn=$now
  local head="[$step_number/$progress_steps] $step_label$2" shown=''
  if ((${#head} + ${#3} + 34 <= progress_columns)); then shown="$(bar "$1")  "; fi
  printf '\r%s  %s%3d%%  %s\033[K' "$head" "$shown" "$1" "$3" >&2
}

# Time left as a bar shows it, from the share done; empty while there is nothing to go by.
time_left() {
  local percent=$1 elapsed=$((SECONDS - step_start))
  ((percent > 2 && elapsed > 1)) || return 0
  duration $((elapsed * (100 - percent) / percent))
}

# step_failed LOG ADVICE...: which step, what the log says, what to do; ends the script.
step_failed() {
  local log=$1
  shift
  ((progress_tty)) && printf '\r\033[K' >&2
  {
    printf '%s\n' "$(t "error: step $step_number of $progress_steps ($step_name) failed." \
      "错误：第 $step_number 步（$step_name，共 $progress_steps 步）失败。")"
    if [[ -s $log ]]; then
      printf '%s\n' "$(t "The last lines of $log:" "$log 的最后几行：")"
      tail -n 15 "$log" | sed 's/^/  | /'
    fi
    printf '%s\n' "$@"
  } >&2
  exit 1
}
