// BufferManager
