#include "tests/conformance/suite.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "tests/conformance/json.h"

namespace musubi::conformance {
namespace {

// Tests run at the root of the source tree.
constexpr char kExceptionsFile[] = "tests/conformance/exceptions.json";

std::vector<Exception> LoadExceptions() {
  std::vector<Exception> exceptions;
  const Json file = Json::Load(kExceptionsFile);
  for (const Json& item : file.items()) {
    exceptions.push_back(
        {item["id"].text(), item["expected"].text(), item["actual"].text(), item["reason"].text()});
  }
  return exceptions;
}

// Of the texts that we write: suites, profiles, reasons.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

Tally::Tally(std::string suite, const std::vector<Exception>& exceptions)
    : suite_(std::move(suite)) {
  for (const Exception& exception : exceptions) {
    const size_t slash = exception.id.find('/');
    if (exception.id.substr(0, slash) != suite_) continue;
    if (exception.reason.empty()) problems_.push_back(exception.id + ": exception without reason");
    if (!exceptions_.emplace(exception.id.substr(slash + 1), Listed{exception}).second) {
      problems_.push_back(exception.id + ": listed twice");
    }
  }
}

void Tally::Case(const std::string& id, const std::string& expected, const std::string& actual,
                 const std::string& diagnostic) {
  const std::string name = absl::StrCat(suite_, "/", id);
  if (!seen_.emplace(id).second) problems_.push_back(name + ": came twice");
  const auto listed = exceptions_.find(id);
  if (listed == exceptions_.end()) {
    if (expected == actual) {
      ++as_expected_;
    } else {
      problems_.push_back(
          absl::StrCat(name, ": expected ", expected, ", is ", actual, " (", diagnostic, ")"));
    }
    return;
  }
  listed->second.met = true;
  const Exception& exception = listed->second.exception;
  if (expected == actual) {
    problems_.push_back(name + ": is as expected; take the exception out");
  } else if (exception.expected != expected || exception.actual != actual) {
    problems_.push_back(absl::StrCat(name, ": listed as ", exception.actual, " for ",
                                     exception.expected, ", is ", actual, " for ", expected, " (",
                                     diagnostic, ")"));
  } else {
    ++exceptions_by_reason_[exception.reason];
  }
}

std::vector<std::string> Tally::Problems() const {
  std::vector<std::string> problems = problems_;
  for (const auto& [id, listed] : exceptions_) {
    if (!listed.met) problems.push_back(suite_ + "/" + id + ": listed, but no such case");
  }
  if (seen_.empty()) problems.push_back(suite_ + ": no case");
  return problems;
}

Suite::Suite(std::string name, std::string profile)
    : profile_(std::move(profile)), tally_(std::move(name), LoadExceptions()) {}

Suite::~Suite() { MUSUBI_CHECK(finished_, "Suite::Finish was not called"); }

void Suite::Finish() {
  MUSUBI_CHECK(!std::exchange(finished_, true), "Suite::Finish was called twice");
  const std::vector<std::string> problems = tally_.Problems();
  for (const std::string& problem : problems) ADD_FAILURE() << problem;
  std::string reasons;
  std::printf("%s: %zu cases, %d as expected\n", tally_.suite().c_str(), tally_.cases(),
              tally_.as_expected());
  for (const auto& [reason, count] : tally_.exceptions_by_reason()) {
    std::printf("  %d exceptions: %s\n", count, reason.c_str());
    absl::StrAppend(&reasons, reasons.empty() ? "" : ", ", Quoted(reason), ": ", count);
  }
  const char* folder = std::getenv("MUSUBI_CONFORMANCE_RESULTS");
  if (folder == nullptr) return;
  std::filesystem::create_directories(folder);
  std::ofstream file(absl::StrCat(folder, "/", tally_.suite(), ".json"));
  file << "{\"suite\": " << Quoted(tally_.suite()) << ", \"profile\": " << Quoted(profile_)
       << ", \"cases\": " << tally_.cases() << ", \"as_expected\": " << tally_.as_expected()
       << ", \"problems\": " << problems.size() << ", \"exceptions\": {" << reasons << "}}\n";
  EXPECT_TRUE(file.good()) << folder;
}

}  // namespace musubi::conformance
