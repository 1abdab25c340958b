/*
 * A Node addon that silences the process's stderr and restores it. While TensorFlow's library is loaded it logs before
 * any of its settings is read.
 */
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

static int saved = -1;

static napi_value silence(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  int nowhere = saved < 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
  if (nowhere < 0) return NULL;
  saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (saved >= 0) dup2(nowhere, STDERR_FILENO);
  close(nowhere);
  return NULL;
}

static napi_value restore(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  if (saved < 0) return NULL;
  dup2(saved, STDERR_FILENO);
  close(saved);
  saved = -1;
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_property_descriptor methods[] = {
      {"silence", NULL, silence, NULL, NULL, NULL, napi_default, NULL},
      {"restore", NULL, restore, NULL, NULL, NULL, napi_default, NULL},
  };
  napi_define_properties(env, exports, sizeof methods / sizeof *methods, methods);
  return exports;
}
