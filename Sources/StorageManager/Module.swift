// StorageManager
