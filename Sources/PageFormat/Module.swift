// PageFormat
