// Which server is the master: fixed, or what Sentinels say. Internal to lib/redis.
#ifndef MUSUBI_LIB_REDIS_MASTER_FINDER_H_
#define MUSUBI_LIB_REDIS_MASTER_FINDER_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/redis/connection.h"
#include "lib/redis/endpoint.h"

namespace musubi::redis {

// MasterFinder asks one Sentinel after the other until one knows. The loop's thread alone.
class MasterFinder {
 public:
  struct Options {
    std::vector<Endpoint> sentinels;  // Empty: `fixed` is the master.
    Endpoint fixed;
    std::string master_name;
    std::map<std::string, Endpoint> routes;
    Connection::Options connection;
  };
  struct Events {
    // master() is what a Sentinel has just said.
    std::function<void()> found;
    // No Sentinel knows.
    std::function<void(const absl::Status&)> failed;
  };

  MasterFinder(Options options, Events events);

  const std::optional<Endpoint>& master() const { return master_; }
  bool has_sentinels() const { return !options_.sentinels.empty(); }
  // Forget makes master() unknown until Ask has found it again, if there are Sentinels.
  void Forget();
  // Ask begins to ask, unless it is under way.
  void Ask();
  bool asking() const { return asking_; }
  void Stop();

  Connection& connection() { return connection_; }
  const Connection& connection() const { return connection_; }

 private:
  void AskNext();
  void OnReady();
  void OnAnswer(const Reply& answer);
  void OnClosed(const absl::Status& why);

  const Options options_;
  const Events events_;
  std::optional<Endpoint> master_;
  bool asking_ = false;
  size_t next_ = 0;   // Into options_.sentinels: the one that answered last is asked first.
  size_t tried_ = 0;  // Of this asking.
  std::optional<Endpoint> found_;
  Connection connection_;
};

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_MASTER_FINDER_H_
