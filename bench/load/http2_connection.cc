#include "bench/load/http2_connection.h"

#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "lib/base/check.h"

namespace musubi::bench::load {

// More than the product of any server's delay and rate here: the generator never makes it wait.
constexpr int32_t kReceiveWindow = 16 << 20;
// What is taken from nghttp2 before it is written to the socket.
constexpr size_t kOutput = 256 << 10;
constexpr size_t kInput = 128 << 10;

// nghttp2's callbacks, whose user data is the connection.
struct Http2Callbacks {
  static Http2Connection& Connection(void* user) { return *static_cast<Http2Connection*>(user); }
  static Http2Stream* Stream(nghttp2_session* session, int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
    if (Http2Stream* const stream = Stream(session, frame->hd.stream_id)) {
      stream->OnHeader({reinterpret_cast<const char*>(name), name_size},
                       {reinterpret_cast<const char*>(value), value_size});
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                    void*) {
    if (Http2Stream* const stream = Stream(session, id)) {
      stream->OnData({reinterpret_cast<const char*>(data), size});
    }
    return 0;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Connection& connection = Connection(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) connection.Drain();
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
      connection.max_streams_ =
          nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
      connection.ready_ = true;
      connection.listener_.OnReady(connection);
    }
    return 0;
  }

  static int OnNotSent(nghttp2_session* session, const nghttp2_frame* frame, int error, void*) {
    Http2Stream* const stream = Stream(session, frame->hd.stream_id);
    if (stream != nullptr && error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED) stream->refused_ = true;
    return 0;
  }

  static int OnStreamClose(nghttp2_session* session, int32_t id, uint32_t error_code, void* user) {
    if (Http2Stream* const stream = Stream(session, id)) {
      Connection(user).Forget(*stream,
                              stream->refused_ ? uint32_t{NGHTTP2_REFUSED_STREAM} : error_code);
    }
    return 0;
  }

  // How many octets the next DATA frame has: SendData writes them.
  static ssize_t ReadLength(nghttp2_session*, int32_t, uint8_t*, size_t limit, uint32_t* flags,
                            nghttp2_data_source* source, void*) {
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    size_t size = 0;
    size_t i = stream.first_unsent_;
    for (; i < stream.unsent_.size() && size < limit; ++i) size += stream.unsent_[i].size();
    if (size == 0 && !stream.end_) {
      stream.deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream.end_ && i == stream.unsent_.size() && size <= limit) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(std::min(size, limit));
  }

  static int SendData(nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t size,
                      nghttp2_data_source* source, void* user) {
    constexpr size_t kFrameHead = 9;
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    std::string& output = Connection(user).output_;
    output.append(reinterpret_cast<const char*>(head), kFrameHead);
    while (size > 0) {
      std::string_view& next = stream.unsent_[stream.first_unsent_];
      const size_t part = std::min(size, next.size());
      output.append(next.data(), part);
      next.remove_prefix(part);
      size -= part;
      if (next.empty()) ++stream.first_unsent_;
    }
    if (stream.first_unsent_ == stream.unsent_.size()) {
      stream.unsent_.clear();
      stream.first_unsent_ = 0;
    }
    return 0;
  }

  static nghttp2_session_callbacks* Make() {
    nghttp2_session_callbacks* callbacks = nullptr;
    MUSUBI_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0, "out of memory");
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, OnNotSent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, SendData);
    return callbacks;
  }
};

absl::StatusOr<std::unique_ptr<Http2Connection>> Http2Connection::Create(
    std::unique_ptr<Socket> socket, Listener& listener) {
  std::unique_ptr<Http2Connection> made(new Http2Connection(std::move(socket), listener));
  nghttp2_session_callbacks* const callbacks = Http2Callbacks::Make();
  nghttp2_option* option = nullptr;
  MUSUBI_CHECK(nghttp2_option_new(&option) == 0, "out of memory");
  // We look at few fields, and take no server for an HTTP server that it is not.
  nghttp2_option_set_no_http_messaging(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  const int error = nghttp2_session_client_new2(&made->session_, callbacks, made.get(), option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kReceiveWindow},
  };
  if (error != 0 ||
      nghttp2_submit_settings(made->session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) !=
          0 ||
      nghttp2_session_set_local_window_size(made->session_, NGHTTP2_FLAG_NONE, 0, kReceiveWindow) !=
          0) {
    return absl::InternalError("nghttp2 gives no session");
  }
  return made;
}

Http2Connection::~Http2Connection() { nghttp2_session_del(session_); }

void Http2Connection::Dirty() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  listener_.OnDirty(*this);
}

void Http2Connection::Drain() {
  if (draining_) return;
  draining_ = true;
  listener_.OnDraining(*this);
}

void Http2Connection::Close() {
  if (closed_) return;
  closed_ = true;
  while (!streams_.empty()) Forget(*streams_.back(), kStreamConnectionLost);
  listener_.OnClosed(*this);
}

void Http2Connection::Forget(Http2Stream& stream, uint32_t error_code) {
  streams_[stream.place_] = streams_.back();
  streams_[stream.place_]->place_ = stream.place_;
  streams_.pop_back();
  // What nghttp2 still knows of it must not lead to an object that may be in use elsewhere.
  nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
  stream.connection_ = nullptr;
  stream.unsent_.clear();
  stream.first_unsent_ = 0;
  stream.OnClose(error_code);
}

bool Http2Connection::Open(Http2Stream& stream, std::span<const Field> headers,
                           std::string_view body, bool end) {
  std::array<nghttp2_nv, kMaxFields> nv;
  size_t count = 0;
  for (const Field& field : headers) {
    uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    if (!field.indexed) flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    // nghttp2 does not write to them.
    nv.at(count++) = {reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
                      reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())),
                      field.name.size(), field.value.size(), flags};
  }
  if (!body.empty()) stream.unsent_.push_back(body);
  stream.end_ = end;
  stream.deferred_ = false;
  stream.refused_ = false;
  const nghttp2_data_provider provider{{.ptr = &stream}, Http2Callbacks::ReadLength};
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, nv.data(), count, &provider, &stream);
  if (id < 0) {
    stream.unsent_.clear();
    Drain();
    return false;
  }
  stream.connection_ = this;
  stream.id_ = id;
  stream.place_ = streams_.size();
  streams_.push_back(&stream);
  Dirty();
  return true;
}

void Http2Connection::Send(Http2Stream& stream, std::string_view octets) {
  stream.unsent_.push_back(octets);
  if (std::exchange(stream.deferred_, false)) nghttp2_session_resume_data(session_, stream.id_);
  Dirty();
}

void Http2Connection::End(Http2Stream& stream) {
  stream.end_ = true;
  if (std::exchange(stream.deferred_, false)) nghttp2_session_resume_data(session_, stream.id_);
  Dirty();
}

void Http2Connection::Cancel(Http2Stream& stream) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_CANCEL);
  Dirty();
}

bool Http2Connection::ReadAll() {
  static thread_local std::array<char, kInput> input;
  while (true) {
    const Socket::Moved moved = socket_->Read(input);
    if (moved.outcome == Socket::Outcome::kWouldBlock) return true;
    if (moved.outcome == Socket::Outcome::kClosed) return false;
    if (nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(input.data()),
                                 moved.size) < 0) {
      return false;
    }
    if (socket_->short_read_is_last() && moved.size < input.size()) return true;
  }
}

void Http2Connection::HandleEvents(uint32_t events) {
  if (closed_) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    bool alive = ReadAll();
    // The end may be behind what a short read left.
    if (alive && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) alive = ReadAll();
    if (!alive) return Close();
  }
  Dirty();
}

bool Http2Connection::FillOutput() {
  while (output_.size() < kOutput) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) return false;
    if (size == 0) return true;
    output_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
  return true;
}

void Http2Connection::Flush() {
  dirty_ = false;
  while (!closed_) {
    if (!FillOutput()) return Close();
    if (written_ == output_.size()) break;
    const Socket::Moved moved = socket_->Write(std::string_view(output_).substr(written_));
    if (moved.outcome == Socket::Outcome::kClosed) return Close();
    if (moved.outcome == Socket::Outcome::kWouldBlock) return;  // EPOLLOUT calls again.
    written_ += moved.size;
    if (written_ < output_.size()) continue;
    output_.clear();
    written_ = 0;
  }
  // GOAWAY, and all that was open is done.
  if (!closed_ && draining_ && streams_.empty()) Close();
}

}  // namespace musubi::bench::load
