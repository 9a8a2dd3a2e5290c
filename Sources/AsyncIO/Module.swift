// AsyncIO
