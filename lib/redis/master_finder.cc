#include "lib/redis/master_finder.h"

#include <utility>

#include "lib/base/error.h"
#include "lib/redis/wire.h"

namespace musubi::redis {

MasterFinder::MasterFinder(Options options, Events events)
    : options_(std::move(options)),
      events_(std::move(events)),
      connection_(options_.connection,
                  {.ready = [this](Connection&) { OnReady(); },
                   .closed = [this](Connection&, const absl::Status& why) { OnClosed(why); }}) {
  if (options_.sentinels.empty()) master_ = options_.fixed;
}

void MasterFinder::Forget() {
  if (has_sentinels()) master_.reset();
}

void MasterFinder::Ask() {
  if (asking_ || !has_sentinels()) return;
  asking_ = true;
  tried_ = 0;
  AskNext();
}

void MasterFinder::AskNext() {
  found_.reset();
  connection_.Begin(options_.sentinels[next_]);
}

void MasterFinder::OnReady() {
  const std::vector<std::string> question = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME",
                                             options_.master_name};
  connection_.Send(EncodeCommand(question), [this](const absl::StatusOr<Reply>& answer) {
    if (answer.ok()) OnAnswer(*answer);
  });
}

void MasterFinder::OnAnswer(const Reply& answer) {
  const std::string where = connection_.endpoint().ToString();
  if (answer.is_array() && answer.elements.size() == 2) {
    const std::string& host = answer.elements[0].text;
    const std::string address = (host.find(':') == std::string::npos ? host : "[" + host + "]") +
                                ":" + answer.elements[1].text;
    const auto route = options_.routes.find(address);
    if (route != options_.routes.end()) {
      found_ = route->second;
    } else if (absl::StatusOr<Endpoint> parsed = ParseEndpoint("the master's address", address);
               parsed.ok()) {
      found_ = *std::move(parsed);
    }
  }
  connection_.Close(
      base::Error(base::ErrorReason::kUnavailable,
                  "Sentinel at " + where +
                      (answer.kind == Reply::Kind::kError
                           ? ": " + answer.text
                           : " knows no master \"" + options_.master_name +
                                 "\": the name must be that of its line \"sentinel monitor\"")));
}

void MasterFinder::OnClosed(const absl::Status& why) {
  if (!asking_) return;
  if (found_.has_value()) {
    asking_ = false;
    master_ = found_;
    return events_.found();
  }
  next_ = (next_ + 1) % options_.sentinels.size();
  if (++tried_ < options_.sentinels.size()) return AskNext();
  asking_ = false;
  events_.failed(why);
}

void MasterFinder::Stop() {
  asking_ = false;
  connection_.Close(base::Error(base::ErrorReason::kUnavailable, "Redis: the client has stopped"));
}

}  // namespace musubi::redis
