#include "lib/checklog/verify.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"
#include "lib/checklog/check_row.h"

namespace musubi::checklog {
namespace {

// Counts rows and holds them against the expected head.
class Reader {
 public:
  Reader(const VerifyOptions& options, absl::FunctionRef<void(std::string_view)> on_row)
      : options_(options), on_row_(on_row) {}

  void Row(std::string_view json, const ChainPoint& after) {
    const RowKind kind = KindOf(json);
    if (kind == RowKind::kCheck) ++report.checks;
    if (kind == RowKind::kStart && last_.has_value() && *last_ != RowKind::kStop) {
      ++report.broken_runs;
    }
    last_ = kind;
    if (options_.expected_head.has_value() && options_.expected_head->rows == after.rows) {
      head_mismatch_ = after != *options_.expected_head;
      report.tail_checked = true;
    }
    on_row_(json);
  }

  void Fault(ChainFault fault, std::string path, std::string what) {
    report.fault = fault;
    report.path = std::move(path);
    report.what = std::move(what);
  }

  void Finish() {
    if (report.fault != ChainFault::kNone) return;
    if (head_mismatch_) {
      return Fault(ChainFault::kHeadMismatch, "",
                   absl::StrCat("row ", options_.expected_head->rows,
                                " is not the expected head: the log was cut before it and went "
                                "on"));
    }
    if (options_.expected_head.has_value() && !report.tail_checked) {
      return Fault(ChainFault::kHeadMissing, "",
                   absl::StrCat("the expected head, row ", options_.expected_head->rows,
                                ", is not among these segments, which end with row ",
                                report.head.rows, ": the tail was cut off"));
    }
    report.ok = true;
    report.what = report.tail_checked
                      ? "every row holds, and the expected head is among them"
                      : "every row holds; without an expected head, a tail that was cut off cannot "
                        "be seen";
  }

  VerifyReport report;

 private:
  const VerifyOptions& options_;
  const absl::FunctionRef<void(std::string_view)> on_row_;
  std::optional<RowKind> last_;
  bool head_mismatch_ = false;
};

}  // namespace

absl::StatusOr<VerifyReport> VerifySegments(SegmentSource& source, const crypto::Keyring& keyring,
                                            const VerifyOptions& options,
                                            absl::FunctionRef<void(std::string_view json)> on_row) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string> names, source.List());
  Reader reader(options, on_row);
  VerifyReport& report = reader.report;
  for (size_t i = 0; i < names.size() || i == 0; ++i) {
    const int64_t number = options.first_segment + static_cast<int64_t>(i);
    const std::string due = SegmentName(number);
    if (i == names.size() || names[i] != due) {
      reader.Fault(ChainFault::kSegmentMissing, source.PathOf(due),
                   "it is not there. Put it back from a copy; if older segments were put away on "
                   "purpose, say which is the first: --first_segment");
      break;
    }
    MUSUBI_ASSIGN_OR_RETURN(const std::string text, source.Read(due));
    const bool on_its_word = i == 0 && number > 1;
    SegmentFinding finding = CheckSegment(
        text, number, on_its_word ? nullptr : &report.head, keyring,
        [&](std::string_view json, const ChainPoint& after) { reader.Row(json, after); });
    report.head = finding.end;
    if (finding.fault != ChainFault::kNone) {
      reader.Fault(finding.fault, source.PathOf(due), std::move(finding.what));
      break;
    }
  }
  reader.Finish();
  return std::move(report);
}

}  // namespace musubi::checklog
