// A client's side of one HTTP/2 connection (nghttp2) on a socket that never blocks: many streams,
// each with octets to send that somebody else keeps, and a handler for what comes back. Knows no
// gRPC, no schedule, and does not connect again.
#ifndef MUSUBI_BENCH_LOAD_HTTP2_CONNECTION_H_
#define MUSUBI_BENCH_LOAD_HTTP2_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/load/socket.h"

// nghttp2's, which stays in the .cc file.
struct nghttp2_session;

namespace musubi::bench::load {

class Http2Connection;

// How a stream ended when its connection broke: no error code of RFC 9113.
inline constexpr uint32_t kStreamConnectionLost = 0xFFFFFFFF;

// Http2Stream is one request and what comes back. It must live until OnClose; then it may be opened
// again.
class Http2Stream {
 public:
  virtual ~Http2Stream() = default;
  // A field of the response's headers or trailers.
  virtual void OnHeader(std::string_view name, std::string_view value) = 0;
  virtual void OnData(std::string_view octets) = 0;
  // The stream is over: an error code of RFC 9113 section 7 (0 is none), or kStreamConnectionLost.
  virtual void OnClose(uint32_t error_code) = 0;

  bool is_open() const { return connection_ != nullptr; }
  Http2Connection* connection() const { return connection_; }

 private:
  friend class Http2Connection;
  friend struct Http2Callbacks;

  Http2Connection* connection_ = nullptr;  // While it is open.
  int32_t id_ = 0;
  size_t place_ = 0;  // Among the connection's streams.
  std::vector<std::string_view> unsent_;
  size_t first_unsent_ = 0;
  bool end_ = false;       // Nothing is to be sent after unsent_.
  bool deferred_ = false;  // nghttp2 waits to be told that there is more to send.
  bool refused_ = false;   // It never left, because of GOAWAY.
};

// Field is a name and value of a request's headers, which must live until the stream is closed.
struct Field {
  std::string_view name;
  std::string_view value;
  bool indexed = true;  // Worth a place in HPACK's table: it comes again with this value.
};

class Http2Connection {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // There is something to be written: call Flush when convenient.
    virtual void OnDirty(Http2Connection& connection) = 0;
    // The peer's settings came: streams may be opened.
    virtual void OnReady(Http2Connection& connection) = 0;
    // GOAWAY: no new stream may be opened, those that are open go on.
    virtual void OnDraining(Http2Connection& connection) = 0;
    // Broken, or closed by the peer. All streams have heard OnClose. It must not be deleted before
    // the call that led here (HandleEvents, Flush) has returned.
    virtual void OnClosed(Http2Connection& connection) = 0;
  };

  // The listener outlives the connection, which closes its socket without a word when deleted:
  // streams hear nothing then.
  static absl::StatusOr<std::unique_ptr<Http2Connection>> Create(std::unique_ptr<Socket> socket,
                                                                 Listener& listener);
  ~Http2Connection();

  int fd() const { return socket_->fd(); }
  // What epoll, edge-triggered, said about fd().
  void HandleEvents(uint32_t events);
  // Writes what streams and protocol have to send, as far as the socket takes it.
  void Flush();

  bool draining() const { return draining_; }
  bool closed() const { return closed_; }
  size_t open_streams() const { return streams_.size(); }
  // Ready, not draining, and below the peer's SETTINGS_MAX_CONCURRENT_STREAMS.
  bool CanOpen() const {
    return ready_ && !draining_ && !closed_ && streams_.size() < max_streams_;
  }

  // Open starts a request of at most kMaxFields headers; only if CanOpen. `body` must live until
  // the stream is closed; more may follow with Send unless `end`. False if the connection has no
  // stream identifier left: it drains.
  static constexpr size_t kMaxFields = 16;
  bool Open(Http2Stream& stream, std::span<const Field> headers, std::string_view body, bool end);
  // Send queues more octets; End says that there will be none.
  void Send(Http2Stream& stream, std::string_view octets);
  void End(Http2Stream& stream);
  // Cancel resets the stream: OnClose follows, not at once.
  void Cancel(Http2Stream& stream);

 private:
  friend struct Http2Callbacks;

  Http2Connection(std::unique_ptr<Socket> socket, Listener& listener)
      : socket_(std::move(socket)), listener_(listener) {}

  void Dirty();
  void Drain();
  void Close();
  void Forget(Http2Stream& stream, uint32_t error_code);
  bool ReadAll();
  bool FillOutput();

  const std::unique_ptr<Socket> socket_;
  Listener& listener_;
  nghttp2_session* session_ = nullptr;
  bool ready_ = false, draining_ = false, closed_ = false, dirty_ = false;
  size_t max_streams_ = 0;
  std::vector<Http2Stream*> streams_;  // The open ones.
  std::string output_;
  size_t written_ = 0;  // Of output_.
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_HTTP2_CONNECTION_H_
