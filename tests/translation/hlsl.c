/* Compiles a folder of HLSL with Microsoft's compilers, as wgpu has them do it: files
 * of shader model 5 (cs_5_1-….hlsl) with d3dcompiler_47.dll, newer ones with
 * dxcompiler.dll. For Windows, or Wine with both libraries beside the program; see
 * docs/devices.md. */
#define COBJMACROS
#include <d3dcompiler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

typedef HRESULT(WINAPI *CreateInstance)(const GUID *, const GUID *, void **);

/* Of dxcapi.h, which mingw does not have: the first methods of three interfaces. */
typedef struct {
  const void *text;
  SIZE_T size;
  UINT encoding;
} DxcBuffer;
typedef struct Object Object;
typedef struct {
  HRESULT(WINAPI *query)(Object *, const GUID *, void **);
  ULONG(WINAPI *add_reference)(Object *);
  ULONG(WINAPI *release)(Object *);
  union {
    HRESULT(WINAPI *compile)
    (Object *, const DxcBuffer *, const WCHAR **, UINT, void *, const GUID *, void **);
    HRESULT(WINAPI *status)(Object *, HRESULT *);
    void *(WINAPI *pointer)(Object *);
  } first;
  union {
    SIZE_T(WINAPI *size)(Object *);
    HRESULT(WINAPI *errors)(Object *, Object **);
  } second;
} Methods;
struct Object {
  const Methods *methods;
};

static const GUID COMPILER = {
    0x73e22d93, 0xe6ce, 0x47f3, {0xb5, 0xbf, 0xf0, 0x66, 0x4f, 0x39, 0xc1, 0xb0}};
static const GUID COMPILER3 = {
    0x228b4687, 0x5a6a, 0x4730, {0x90, 0x0c, 0x97, 0x02, 0xb2, 0x20, 0x3f, 0x54}};
static const GUID RESULT = {
    0x58346cda, 0xdde7, 0x4497, {0x94, 0x61, 0x6f, 0x87, 0xaf, 0x5e, 0x06, 0x59}};

static int fxc(pD3DCompile compile, const char *text, SIZE_T size, const char *profile,
               const char *entry) {
  ID3DBlob *code = NULL, *error = NULL;
  HRESULT made = compile(text, size, NULL, NULL, NULL, entry, profile,
                         D3DCOMPILE_ENABLE_STRICTNESS, 0, &code, &error);
  if (FAILED(made))
    printf("%08lx %s\n", (unsigned long)made,
           error ? (const char *)ID3D10Blob_GetBufferPointer(error) : "");
  if (error)
    ID3D10Blob_Release(error);
  if (code)
    ID3D10Blob_Release(code);
  return SUCCEEDED(made);
}

static int dxc(Object *compiler, const char *text, SIZE_T size, const WCHAR *profile,
               const WCHAR *entry) {
  const WCHAR *arguments[] = {L"-E",   entry,           L"-T",  profile, L"-HV",
                              L"2018", L"-no-warnings", L"-Ges", L"-enable-16bit-types"};
  /* Half precision begins at 6.2. */
  UINT count = wcscmp(profile, L"cs_6_2") < 0 ? 8 : 9;
  DxcBuffer buffer = {text, size, 65001};
  Object *result = NULL, *errors = NULL;
  HRESULT made = compiler->methods->first.compile(compiler, &buffer, arguments, count, NULL,
                                                  &RESULT, (void **)&result);
  if (SUCCEEDED(made)) {
    result->methods->first.status(result, &made);
    /* GetResult comes between: the errors are the third. */
    typedef HRESULT(WINAPI * Errors)(Object *, Object **);
    Errors of = ((Errors *)result->methods)[5];
    if (FAILED(made) && SUCCEEDED(of(result, &errors)) && errors)
      printf("%s\n", (const char *)errors->methods->first.pointer(errors));
  }
  if (FAILED(made))
    printf("%08lx\n", (unsigned long)made);
  if (errors)
    errors->methods->release(errors);
  if (result)
    result->methods->release(result);
  return SUCCEEDED(made);
}

int main(int count, char **arguments) {
  if (count != 2)
    return 2;
  char pattern[MAX_PATH];
  snprintf(pattern, sizeof pattern, "%s\\*.hlsl", arguments[1]);
  HMODULE old = LoadLibraryA("d3dcompiler_47.dll");
  HMODULE new = LoadLibraryA("dxcompiler.dll");
  pD3DCompile compile = old ? (pD3DCompile)(void *)GetProcAddress(old, "D3DCompile") : NULL;
  CreateInstance create =
      new ? (CreateInstance)(void *)GetProcAddress(new, "DxcCreateInstance") : NULL;
  Object *compiler = NULL;
  if (create)
    create(&COMPILER, &COMPILER3, (void **)&compiler);
  printf("fxc %s, dxc %s\n", compile ? "there" : "missing", compiler ? "there" : "missing");
  unsigned done[2] = {0}, failed[2] = {0}, left_out = 0;
  WIN32_FIND_DATAA found;
  HANDLE search = FindFirstFileA(pattern, &found);
  if (search == INVALID_HANDLE_VALUE)
    return 2;
  do {
    char path[2 * MAX_PATH];
    snprintf(path, sizeof path, "%s\\%s", arguments[1], found.cFileName);
    FILE *file = fopen(path, "rb");
    char *text = malloc(found.nFileSizeLow + 1);
    if (!file || !text || fread(text, 1, found.nFileSizeLow, file) != found.nFileSizeLow)
      return 2;
    fclose(file);
    char old_profile[7] = {0};
    WCHAR profile[7] = {0};
    for (int place = 0; place < 6; place++)
      profile[place] = old_profile[place] = found.cFileName[place];
    /* The entry point is what stands behind the number of lanes. */
    char entry[128] = "main";
    WCHAR wide_entry[128] = {0};
    text[found.nFileSizeLow] = 0;
    const char *lanes = strstr(text, "[numthreads(");
    if (lanes)
      sscanf(lanes, "%*[^\n]\nvoid %127[A-Za-z0-9_]", entry);
    for (int place = 0; entry[place]; place++)
      wide_entry[place] = entry[place];
    int is_new = old_profile[3] > '5';
    if (is_new ? !compiler : !compile) {
      left_out++;
    } else {
      int is_made = is_new ? dxc(compiler, text, found.nFileSizeLow, profile, wide_entry)
                           : fxc(compile, text, found.nFileSizeLow, old_profile, entry);
      done[is_new] += is_made;
      failed[is_new] += !is_made;
      if (!is_made)
        printf("FAILED %s\n", found.cFileName);
      fflush(stdout);
    }
    free(text);
  } while (FindNextFileA(search, &found));
  printf("fxc: %u compiled, %u not; dxc: %u compiled, %u not; %u left out\n", done[0], failed[0],
         done[1], failed[1], left_out);
  return failed[0] + failed[1] + left_out > 0;
}
