#include "lib/redis/connection.h"

#include <hiredis/async.h>
#include <poll.h>

#include <memory>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/redis/wire.h"

namespace musubi::redis {
namespace {

std::string WithoutTrailingSpace(std::string text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos) {
    text.pop_back();
  }
  return text;
}

std::string Command(std::initializer_list<std::string_view> words) {
  std::string command = CommandHead(words.size());
  for (const std::string_view word : words) AppendWord(command, word);
  return command;
}

}  // namespace

struct Connection::Pending {
  Connection* connection;
  Answer answer;
};

// What hiredis calls.
struct Connection::Hooks {
  static Connection& Of(void* data) { return *static_cast<Connection*>(data); }

  static void AddRead(void* data) { Of(data).wants_read_ = true; }
  static void DelRead(void* data) { Of(data).wants_read_ = false; }
  static void AddWrite(void* data) { Of(data).wants_write_ = true; }
  static void DelWrite(void* data) { Of(data).wants_write_ = false; }
  static void Cleanup(void* data) { Of(data).context_ = nullptr; }

  // The reason that hiredis has, before the context goes and takes it along.
  static void NoteError(Connection& connection, const redisAsyncContext& context) {
    if (connection.error_.ok()) {
      connection.error_ = connection.Blame(context.err != 0 ? context.errstr : "it was closed");
    }
  }
  static void OnConnect(const redisAsyncContext* context, int status) {
    if (status != REDIS_OK) NoteError(Of(context->data), *context);
  }
  static void OnDisconnect(const redisAsyncContext* context, int) {
    NoteError(Of(context->data), *context);
  }
  static void OnReply(redisAsyncContext* context, void* reply, void* data) {
    const std::unique_ptr<Pending> pending(static_cast<Pending*>(data));
    Connection& connection = *pending->connection;
    if (reply == nullptr) {
      NoteError(connection, *context);
      pending->answer(connection.error_);
      return;
    }
    connection.OnAnswered();
    pending->answer(ToReply(*static_cast<redisReply*>(reply)));
  }
  static void OnPushed(redisAsyncContext* context, void* reply, void*) {
    Connection& connection = Of(context->data);
    if (reply == nullptr) {
      NoteError(connection, *context);
      return;
    }
    // Whatever comes shows that the server is there.
    connection.due_ = base::SteadyTime::max();
    connection.events_.pushed(connection, ToReply(*static_cast<redisReply*>(reply)));
  }
};

Connection::Connection(Options options, Events events)
    : options_(std::move(options)), events_(std::move(events)) {}

Connection::~Connection() { MUSUBI_CHECK(context_ == nullptr, "a connection is closed first"); }

absl::Status Connection::Blame(std::string_view what) const {
  return base::Error(base::ErrorReason::kUnavailable,
                     (options_.server == Server::kMaster ? "Redis at " : "Sentinel at ") +
                         endpoint_.ToString() + ": " + std::string(what));
}

void Connection::Begin(const Endpoint& endpoint) {
  MUSUBI_CHECK(state_ == State::kIdle, "one connection at a time");
  endpoint_ = endpoint;
  error_ = absl::OkStatus();
  unanswered_ = 0;
  run_id_.clear();
  wants_read_ = wants_write_ = false;
  state_ = State::kConnecting;
  redisAsyncContext* context = endpoint.path.empty()
                                   ? redisAsyncConnect(endpoint.host.c_str(), endpoint.port)
                                   : redisAsyncConnectUnix(endpoint.path.c_str());
  MUSUBI_CHECK(context != nullptr, "no memory");
  if (context->err != 0) {
    error_ = Blame(context->errstr);
    redisAsyncFree(context);
    Finish();
    return;
  }
  context_ = context;
  context->data = this;
  context->ev.data = this;
  context->ev.addRead = &Hooks::AddRead;
  context->ev.delRead = &Hooks::DelRead;
  context->ev.addWrite = &Hooks::AddWrite;
  context->ev.delWrite = &Hooks::DelWrite;
  context->ev.cleanup = &Hooks::Cleanup;
  redisAsyncSetConnectCallback(context, &Hooks::OnConnect);
  redisAsyncSetDisconnectCallback(context, &Hooks::OnDisconnect);
  due_ = base::SteadyNow() + options_.connect_timeout;
  handling_ = true;
  SignIn();
  Identify();
  handling_ = false;
  if (!error_.ok()) Close(error_);
}

void Connection::SignIn() {
  if (options_.password_file.empty()) return;
  std::string user = "default";
  if (!options_.user_file.empty()) {
    const absl::StatusOr<std::string> file = base::ReadFile(options_.user_file);
    if (!file.ok()) return Close(file.status());
    user = WithoutTrailingSpace(*file);
  }
  const absl::StatusOr<std::string> file = base::ReadSecretFile(options_.password_file);
  if (!file.ok()) return Close(file.status());
  Send(Command({"AUTH", user, WithoutTrailingSpace(*file)}),
       [this](const absl::StatusOr<Reply>& answer) {
         if (!answer.ok() || answer->kind != Reply::Kind::kError) return;
         const std::string user_from =
             options_.user_file.empty() ? "user \"default\"" : "the user of " + options_.user_file;
         Close(Blame("refuses " + user_from + " with the password of " + options_.password_file +
                     ": put into the files what ACL SETUSER set there (" + answer->text + ")"));
       });
}

void Connection::Identify() {
  if (options_.server == Server::kSentinel) {
    Send(Command({"PING"}), [this](const absl::StatusOr<Reply>& answer) {
      if (!answer.ok() || !error_.ok()) return;
      if (answer->kind == Reply::Kind::kError) return Close(Blame(answer->text));
      state_ = State::kReady;
      due_ = base::SteadyTime::max();
      events_.ready(*this);
    });
    return;
  }
  Send(Command({"INFO", "server"}), [this](const absl::StatusOr<Reply>& answer) {
    if (!answer.ok() || !error_.ok()) return;
    run_id_ = InfoField(answer->text, "run_id");
    if (run_id_.empty()) {
      Close(Blame("INFO gives no run_id; the user needs +info, +ping and +auth (" + answer->text +
                  ")"));
    }
  });
  CheckRole();
}

void Connection::CheckRole() {
  Send(Command({"INFO", "replication"}), [this](const absl::StatusOr<Reply>& answer) {
    if (!answer.ok() || !error_.ok()) return;
    const std::string role = InfoField(answer->text, "role");
    if (role != "master") {
      return Close(Blame("is a " + (role.empty() ? "server of no known role" : role) +
                         ", not a master: name the master, or its Sentinels"));
    }
    if (state_ == State::kReady) return;
    state_ = State::kReady;
    due_ = base::SteadyTime::max();
    events_.ready(*this);
  });
}

void Connection::Send(const std::string& command, Answer answer, base::SteadyDuration patience) {
  auto pending = std::make_unique<Pending>(Pending{this, std::move(answer)});
  if (context_ == nullptr ||
      redisAsyncFormattedCommand(context_, &Hooks::OnReply, pending.get(), command.data(),
                                 command.size()) != REDIS_OK) {
    pending->answer(error_.ok() ? Blame("the connection is closing") : error_);
    return;
  }
  (void)pending.release();
  if (++unanswered_ == 1 && state_ == State::kReady) {
    due_ = base::SteadyNow() + options_.stall_timeout + patience;
  }
}

void Connection::OnAnswered() {
  --unanswered_;
  if (state_ != State::kReady) return;
  due_ = unanswered_ == 0 ? base::SteadyTime::max() : base::SteadyNow() + options_.stall_timeout;
}

void Connection::SubscribeTo(const std::string& command) {
  if (context_ == nullptr) return;
  redisAsyncFormattedCommand(context_, &Hooks::OnPushed, nullptr, command.data(), command.size());
  if (due_ == base::SteadyTime::max()) {
    due_ = base::SteadyNow() + options_.stall_timeout;
  }
}

void Connection::UnsubscribeFrom(const std::string& command) {
  if (context_ == nullptr) return;
  redisAsyncFormattedCommand(context_, nullptr, nullptr, command.data(), command.size());
}

void Connection::Close(absl::Status why) {
  if (state_ == State::kIdle) return;
  if (error_.ok()) error_ = std::move(why);
  if (handling_) return;
  if (context_ != nullptr) redisAsyncFree(context_);
  Finish();
}

void Connection::Finish() {
  context_ = nullptr;
  state_ = State::kIdle;
  due_ = base::SteadyTime::max();
  unanswered_ = 0;
  if (error_.ok()) error_ = Blame("it was closed");
  events_.closed(*this, error_);
}

int Connection::descriptor() const { return context_ == nullptr ? -1 : context_->c.fd; }

short Connection::wanted_events() const {
  return static_cast<short>((wants_read_ ? POLLIN : 0) | (wants_write_ ? POLLOUT : 0));
}

void Connection::Handle(short found) {
  if (context_ == nullptr) return;
  handling_ = true;
  if ((found & (POLLIN | POLLERR | POLLHUP)) != 0 && context_ != nullptr) {
    redisAsyncHandleRead(context_);
  }
  if ((found & POLLOUT) != 0 && context_ != nullptr) redisAsyncHandleWrite(context_);
  handling_ = false;
  if (context_ == nullptr) {
    Finish();
  } else if (!error_.ok()) {
    Close(error_);
  }
}

void Connection::CloseIfStalled(base::SteadyTime now) {
  if (now < due_) return;
  Close(Blame(state_ == State::kConnecting ? "no connection in time" : "no answer in time"));
}

}  // namespace musubi::redis
