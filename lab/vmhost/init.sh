#!/usr/bin/dash
# The first process of a host. The kernel puts ADDRESS (with its prefix), NAME and MAC of its command line into the environment.
# The shell is dash: busybox's runs its own ip instead of the one in PATH.
export PATH=/usr/sbin:/usr/bin
/usr/bin/busybox ln -s dash /usr/bin/sh
/usr/bin/busybox --install -s /usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /run/sshd /tmp /root
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
chmod 755 /run /run/sshd; chmod 700 /root /root/.ssh; chmod 600 /etc/ssh/key /root/.ssh/authorized_keys
hostname "$NAME"
for m in /modules/*; do insmod $m || echo "host: module $m does not load"; done
ip link set lo up
ip link add br0 type bridge
ip link set br0 address "$MAC"
ip link set eth0 master br0 up
ip addr add "$ADDRESS" dev br0
ip link set br0 up
echo "host: $(uname -r), $(nproc) CPUs, $(date -u)"
test -c /dev/kvm && echo "host: has KVM"
/usr/sbin/sshd && echo "host: up"
# Orphans become children of the first process.
while :; do wait; sleep 1; done
