"""A profile on the ISP of a phone: what `isp cost` prints and its page shows."""
