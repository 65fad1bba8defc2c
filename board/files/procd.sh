#!/bin/sh /etc/rc.common
# lanemark under OpenWrt's procd.

START=90
STOP=10
USE_PROCD=1

start_service() {
	procd_open_instance
	procd_set_param command "@binary@" run --dir "@config_dir@"
	# Starts it again for as long as it takes: procd would give up after five short lives.
	procd_set_param respawn 3600 5 0
	procd_set_param stderr 1
	procd_set_param term_timeout 10
	procd_close_instance
}

# Reads config.json again.
reload_service() {
	procd_send_signal lanemark
}
