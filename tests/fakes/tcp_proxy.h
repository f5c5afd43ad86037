// A bad network between a client and a server of a test: forwards octets between a port of its own
// on 127.0.0.1 and the server's, and on command cuts, holds back, swallows or drips. Nothing
// in it goes by time.
#ifndef MUSUBI_TESTS_FAKES_TCP_PROXY_H_
#define MUSUBI_TESTS_FAKES_TCP_PROXY_H_

#include <cstddef>
#include <list>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"

namespace musubi::fakes {

// TcpProxy is thread-safe. Dies if the kernel gives no socket.
class TcpProxy {
 public:
  // Forwards to 127.0.0.1:`server_port`, where somebody listens.
  explicit TcpProxy(int server_port);
  // Cuts what there is.
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }

  // HoldAnswers keeps what the server sends from now on, until Release or Cut.
  void HoldAnswers();
  // WaitUntilHeld blocks until at least one octet is kept.
  void WaitUntilHeld();
  void Release();
  // Swallow takes what both sides send from now on and forwards nothing of it, nor that one of them
  // has ended: each believes that the other is there. Also of connections that come later. Until
  // Cut.
  void Swallow();
  // Cut resets every connection on both sides; what was held is lost. Connections after it are
  // whole, and nothing is held or swallowed.
  void Cut();
  // CutOn resets, from now on, each connection whose client (or server, for answers) sends `text`
  // in one piece; that piece is lost, and what came before it is not. Empty: none.
  void CutOn(std::string text, bool in_answers = false);
  // Drip forwards at most `octets` at a time from now on, both ways.
  void Drip(size_t octets);
  // How many times octets were forwarded, since the beginning.
  size_t forwards();

 private:
  // What goes one way and has not been forwarded.
  struct Way {
    int from;
    int to;
    bool is_answer;
    std::string octets = {};
    bool ended = false;      // `from` sends no more.
    bool forwarded = false;  // And `to` knows.
  };
  struct Connection {
    Way request;
    Way answer;
  };

  void Run();
  // Waits until a socket can go on or somebody calls Wake.
  void Poll();
  void Accept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayForward(const Way& way) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Each moves what can be moved without waiting; false if the connection is broken.
  bool Receive(Way& way) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Forward(Way& way) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CutAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake();

  const int server_port_;
  const int listener_;
  const int wake_;
  int port_ = 0;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  bool swallowing_ ABSL_GUARDED_BY(mutex_) = false;
  std::string cut_on_ ABSL_GUARDED_BY(mutex_);
  bool cut_on_answers_ ABSL_GUARDED_BY(mutex_) = false;
  size_t at_a_time_ ABSL_GUARDED_BY(mutex_);
  size_t forwards_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_TCP_PROXY_H_
