# Serves the images of a folder, as process 1 of a namespace of processes and mounts of its own: nothing that it mounts
# or starts is seen or outlives it. Arguments: the folder of programs, the kind, and what that kind needs.
set -e
programs=$1 kind=$2
shift 2
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/etc /run/lib/nfs/ganesha /run/ganesha
for file in passwd group hosts nsswitch.conf services protocols rpc; do
	if [ -e "/etc/$file" ]; then cp "/etc/$file" /run/etc/; fi
done
echo '_rpc:x:65500:65534::/run:/bin/false' >> /run/etc/passwd
cp "$programs/etc/netconfig" /run/etc/
ln -s /proc/self/mounts /run/etc/mtab
mount --bind /run/etc /etc
mount --bind /run/lib /var/lib
case $kind in
nfs)
	"$programs/sbin/rpcbind" -w
	exec "$programs/usr/bin/ganesha.nfsd" -F -f "$1" -p /run/ganesha.pid -L "$2"
	;;
iscsi)
	# The target's administration goes through a socket in /run, which is this namespace's own.
	"$programs/usr/sbin/tgtd" -f &
	server=$!
	admin="$programs/usr/sbin/tgtadm --lld iscsi"
	tries=0
	until $admin --op show --mode sys > /dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 100 ]; then exit 1; fi
		sleep 0.05
	done
	$admin --op new --mode target --tid 1 -T "$1"
	$admin --op new --mode logicalunit --tid 1 --lun 1 -b "$2"
	$admin --op new --mode logicalunit --tid 1 --lun 2 -b "$3"
	$admin --op update --mode logicalunit --tid 1 --lun 2 --params readonly=1
	$admin --op bind --mode target --tid 1 -I ALL
	: > "$4"
	wait $server
	;;
nbd)
	exec "$programs/usr/bin/qemu-nbd" --persistent --shared=8 --format=qcow2 --cache=none --export-name=disk --port=10809 "$1"
	;;
esac
