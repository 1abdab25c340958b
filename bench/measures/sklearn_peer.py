"""The same in scikit-learn: python sklearn_peer.py TASK FILE SIZE CLUSTERS prints seconds and peak memory as JSON."""
import json
import resource
import sys
import time

import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

task, file, size, clusters = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rows = np.fromfile(file, np.float32).reshape(-1, size)
began = time.perf_counter()
if task == "k-means":
    KMeans(clusters, n_init=1, max_iter=10, tol=0, random_state=0).fit(rows)
else:
    NearestNeighbors(n_neighbors=10, algorithm="brute").fit(rows).kneighbors(rows[:10_000])
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
