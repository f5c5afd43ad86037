// Who listens to which channel, over one connection. Internal to lib/redis.
#ifndef MUSUBI_LIB_REDIS_SUBSCRIPTIONS_H_
#define MUSUBI_LIB_REDIS_SUBSCRIPTIONS_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/redis/client.h"
#include "lib/redis/connection.h"

namespace musubi::redis {

// Subscriptions is used on the loop's thread alone, but for Listener::active.
class Subscriptions {
 public:
  struct Listener {
    std::string channel;
    Client::MessageCallback on_message;
    Client::MissedCallback on_missed;
    std::atomic<bool> active = true;  // Its Subscription lives.
  };

  // A channel that nobody publishes on. Subscribed to for as long as the connection lives: hiredis
  // takes a connection whose last channel goes for one that no longer subscribes, and aborts if
  // another SUBSCRIBE is on its way. Subscribed to again it is the one PING that has an answer
  // there.
  static constexpr char kAlive[] = "musubi:alive";

  // Somebody has listened: from then on there is to be a connection.
  bool wanted() const { return wanted_; }

  // `connection` is used if it is ready.
  void Add(Connection& connection, std::shared_ptr<Listener> listener);
  void Remove(Connection& connection, const std::shared_ptr<Listener>& listener);
  // Resume subscribes to everything on a connection that has become ready.
  void Resume(Connection& connection);
  // Check asks for a sign of life.
  void Check(Connection& connection);
  void OnPushed(const Reply& push);
  // The server has answered since Resume.
  bool answered() const { return answered_; }

 private:
  struct Channel {
    std::vector<std::shared_ptr<Listener>> listeners;
    bool holds = false;
  };
  void Subscribe(Connection& connection, const std::vector<std::string>& channels);

  bool wanted_ = false;
  bool answered_ = false;
  std::map<std::string, Channel> channels_;
};

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_SUBSCRIPTIONS_H_
