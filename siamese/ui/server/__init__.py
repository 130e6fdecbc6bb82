"""What stands between the network and the page. Read guard (every request), then blocks (every event), health and
log (what the operator sees)."""
