// md
