// The picture of heng bench: two panels of bars, each with a line for the machine's limit.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "commands/bench_measure.h"
#include "terminal/numbers.h"

namespace heng::commands {
namespace {

constexpr int kWidth = 720, kPanel = 220, kLeft = 110, kBar = 22, kGap = 10;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string label(int x, int y, const std::string& text, const char* look) {
  return fmt::format("<text x=\"{}\" y=\"{}\" {}>{}</text>\n", x, y, look, escaped(text));
}

// Bars of `rows` from `top`; the full width is the machine's limit where it was measured, else the
// longest bar. Returns the height used.
int panel(std::string& out, int top, const std::string& title, const std::vector<BenchRow>& rows,
          const char* unit, const char* rate_unit) {
  out += label(20, top + 16, title, "class=\"title\"");
  double most = 0;
  for (const BenchRow& row : rows) most = std::max(most, row.share > 0 ? 1.0 : row.speed.mean);
  const int room = kWidth - kLeft - kPanel;
  int y = top + 32;
  for (const BenchRow& row : rows) {
    const double length = (row.share > 0 ? row.share : row.speed.mean / most) * room;
    out += label(20, y + 16, fmt::format("{} {}", row.n, unit), "class=\"name\"");
    out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"room\"/>\n",
                       kLeft, y, room, kBar);
    out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" class=\"bar\"/>\n",
                       kLeft, y, std::min(length, static_cast<double>(room)), kBar);
    std::string figures = terminal::short_number(row.speed.mean) + " tokens/s · " +
                          terminal::short_number(row.rate) + " " + rate_unit;
    if (row.share > 0) figures += fmt::format(" · {:.0f} %", 100 * row.share);
    out += label(kLeft + room + 10, y + 16, figures, "class=\"name\"");
    y += kBar + kGap;
  }
  return y - top;
}

}  // namespace

void plot_bench(const BenchResult& r, const std::string& file) {
  std::string body;
  body += label(20, 28, r.info.name + " · " + r.info.computed_as, "class=\"head\"");
  std::string machine = fmt::format("{} · {} threads", r.info.isa, r.info.threads);
  if (r.limits) {
    machine += fmt::format(" · reads {} GB/s · multiplies {} GOP/s",
                           terminal::short_number(r.limits->read_gbps),
                           terminal::short_number(r.peak_gops));
  }
  body += label(20, 48, machine, "class=\"name\"");
  int y = 70;
  y += panel(body, y, "prompt", r.prompts, "tokens", "GOP/s") + 16;
  y += panel(body, y, "generation", r.generations, r.generations.size() > 1 ? "together" : "alone",
             "GB/s");
  std::ofstream out(file);
  out << fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\">\n<style>text{{font-family:system-ui,sans-serif;fill:#222}}"
      ".head{{font-size:18px;font-weight:600}}.title{{font-size:14px;font-weight:600}}"
      ".name{{font-size:12px}}.room{{fill:#eceff3}}.bar{{fill:#3b6fb6}}</style>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{2}</svg>\n",
      kWidth, y + 10, body);
  out.close();
  if (!out) {
    throw Error(ErrorCode::kNotFound,
                file + ": cannot be written. Give --plot another place, for instance bench.svg.");
  }
}

}  // namespace heng::commands
