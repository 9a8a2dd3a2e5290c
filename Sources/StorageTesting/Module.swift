// StorageTesting
