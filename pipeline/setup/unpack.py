"""Unpacks the members of zip archives whose names match a pattern: python unpack.py FOLDER PATTERN,PATTERN ARCHIVE..."""
import sys
from fnmatch import fnmatchcase
from zipfile import ZipFile

folder, patterns, *archives = sys.argv[1:]
for path in archives:
    with ZipFile(path) as archive:
        for name in archive.namelist():
            if any(fnmatchcase(name, pattern) for pattern in patterns.split(",")):
                archive.extract(name, folder)
