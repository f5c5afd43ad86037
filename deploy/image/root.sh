#!/bin/sh
# The steps of an image's last stage, run in its root: root.sh PACKAGE... installs these and makes what
# a container of ours has. The Containerfile and test.sh call it alike.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get upgrade -y -q
apt-get install -y -q --no-install-recommends "$@"
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/*.log /var/log/apt
# Nobody in the container becomes somebody else.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
groupadd --gid 10001 musubi
useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin musubi
# What the chart mounts over these is all that is written to.
mkdir -p /etc/musubi /var/lib/musubi
