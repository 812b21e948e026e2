# Runs OpenStack Swift with its S3 interface in one process: proxy, account, container and object server as Debian
# ships them, on sockets of their own on 127.0.0.1, with all data below one folder. Signatures are enforced by its
# tempauth. Ends when its folder is removed, or when the test run that it belongs to is gone, however that ended.
# Usage: run-swift.py FOLDER RUN_PID   writes FOLDER/port when it answers, FOLDER/failed when it cannot
import eventlet
import eventlet.patcher
import eventlet.wsgi

eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)
eventlet.hubs.use_hub("poll")

import errno
import os
import shutil
import socket
import sys
import tempfile
import traceback

from swift.common import utils, wsgi
from swift.common.ring import RingBuilder

USERS = {
    "user_darkroom_app": "darkroom-secret .admin",
    # Of the same account without rights, and of another account.
    "user_darkroom_nobody": "nobody-secret",
    "user_other_app": "other-secret .admin",
}
STORES = ("account", "container", "object")


def find_data_folder(folder):
    """Swift keeps what it knows of an object in extended attributes, which not every file system has."""
    for place in (folder, "/var/tmp", "/dev/shm", "/var/lib", os.path.expanduser("~")):
        try:
            data = tempfile.mkdtemp(prefix="darkroom-swift-%d-" % os.getpid(), dir=place)
        except OSError:
            continue
        try:
            with tempfile.NamedTemporaryFile(dir=data) as probe:
                os.setxattr(probe.name, "user.probe", b"x" * 1024)
            return data
        except OSError:
            shutil.rmtree(data)
    raise RuntimeError("no folder for temporary files has extended attributes (user_xattr)")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def listen():
    listener = eventlet.listen(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def configure(conf, data, ports):
    write(
        os.path.join(conf, "swift.conf"),
        "[swift-hash]\nswift_hash_path_suffix = darkroom\nswift_hash_path_prefix = darkroom\n"
        "[storage-policy:0]\nname = one\ndefault = yes\n",
    )
    common = "[DEFAULT]\nswift_dir = %s\nlog_level = CRITICAL\nrecon_cache_path = %s\n" % (conf, conf)
    for store in STORES:
        write(
            os.path.join(conf, store + ".conf"),
            common
            + "devices = %s\nmount_check = false\ndisable_fallocate = true\n"
            "[pipeline:main]\npipeline = %s-server\n[app:%s-server]\nuse = egg:swift#%s\n"
            % (data, store, store, store),
        )
        # One copy of everything, on the one device there is.
        ring = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
        place = {"region": 1, "zone": 1, "weight": 1, "device": "disk", "ip": "127.0.0.1", "port": ports[store]}
        ring.add_dev(dict(place, replication_ip=place["ip"], replication_port=place["port"], meta=""))
        ring.rebalance()
        ring.get_ring().save(os.path.join(conf, store + ".ring.gz"))
    os.mkdir(os.path.join(data, "disk"))
    users = "".join("%s = %s\n" % user for user in USERS.items())
    write(
        os.path.join(conf, "proxy.conf"),
        common + "[pipeline:main]\npipeline = catch_errors cache s3api tempauth slo proxy-server\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\naccount_autocreate = true\n"
        # Nothing listens there: the servers are asked each time, and answer what is so now.
        "[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:1\n"
        "[filter:tempauth]\nuse = egg:swift#tempauth\n" + users + "[filter:s3api]\nuse = egg:swift#s3api\n"
        "[filter:slo]\nuse = egg:swift#slo\n[filter:catch_errors]\nuse = egg:swift#catch_errors\n",
    )


def serve(conf, name, listener):
    """As run_server of swift.common.wsgi does, which would give each server a hub of its own."""
    app = wsgi.loadapp(os.path.join(conf, name + ".conf"), global_conf={"log_name": name})
    eventlet.spawn(
        eventlet.wsgi.server,
        listener,
        app,
        wsgi.NullLogger(),
        protocol=wsgi.SwiftHttpProtocol,
        capitalize_response_headers=False,
    )


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def main(folder, run_pid):
    conf = os.path.join(folder, "conf")
    os.mkdir(conf)
    data = find_data_folder(folder)
    try:
        listeners = {name: listen() for name in STORES + ("proxy",)}
        ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
        configure(conf, data, ports)
        utils.set_swift_dir(conf)
        utils.disable_fallocate()
        for name, listener in listeners.items():
            serve(conf, name, listener)
        write(os.path.join(folder, "port.new"), str(ports["proxy"]))
        os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
        while is_alive(run_pid) and os.path.exists(conf):
            eventlet.sleep(0.5)
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except BaseException:
        write(os.path.join(sys.argv[1], "failed"), traceback.format_exc())
        raise
