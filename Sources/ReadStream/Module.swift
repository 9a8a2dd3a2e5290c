// ReadStream
