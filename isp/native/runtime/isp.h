/* Runs a compiled profile: raw rows in, picture rows out.
 *
 * C99 and threads of the operating system, nothing else. No global state but the thread pool that all profiles of a
 * process share. A handle serves one thread at a time; different handles may run at once.
 *
 *     isp *camera;
 *     if (isp_open(&isp_natural, 4032, 3024, &camera)) ...
 *     double gains[3] = {1.9, 1.0, 1.7};
 *     isp_set(camera, "white_balance.gains", gains, 3);
 *     isp_process(camera, raw, 0, rgb, 0);
 *     isp_close(camera);
 */
#ifndef ISP_H
#define ISP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct isp isp;
typedef struct isp_profile isp_profile;

/* What every function returns: 0, or what went wrong; isp_message() says it in words. */
enum {
    ISP_OK = 0,
    ISP_ERROR_ARGUMENT = 1, /* a null pointer, or a stride that is too short or not whole samples */
    ISP_ERROR_NAME = 2,     /* the profile has no such setting, array or host stage */
    ISP_ERROR_COUNT = 3,    /* another number of values is wanted */
    ISP_ERROR_RANGE = 4,    /* a value lies outside the setting's bounds or is not finite */
    ISP_ERROR_FIXED = 5,    /* the setting was resolved when the profile was compiled; compile it again */
    ISP_ERROR_SIZE = 6,     /* the profile was compiled for frames of another size, or the frame is too small */
    ISP_ERROR_MEMORY = 7,   /* out of memory */
    ISP_ERROR_ORDER = 8,    /* rows asked for before isp_begin(), backwards, or outside the frame */
    ISP_ERROR_READ = 9,     /* the reader of raw rows failed */
    ISP_ERROR_HOST = 10,    /* a stage or array that is left to the caller was not given, or the caller's code failed */
    ISP_ERROR_PROGRAM = 11  /* a compiled segment failed */
};

/* How a setting is fed. */
enum {
    ISP_AXIS = 0,   /* the profile's numbers are tabulated over it and interpolated */
    ISP_DIRECT = 1, /* the numbers are handed to the compiled code as they are */
    ISP_FIXED = 2   /* resolved when the profile was compiled; can be read, not set */
};

typedef struct isp_info {
    const char *name; /* "iso", "temperature", or stage.parameter as in the profile */
    const char *unit; /* "1" where there is none */
    double lower, upper; /* inclusive bounds of every value; -HUGE_VAL and HUGE_VAL where there are none */
    int count;        /* values */
    int kind;         /* ISP_AXIS, ISP_DIRECT or ISP_FIXED */
} isp_info;

/* Settings of a profile: 0 .. isp_count() - 1. */
int isp_count(const isp_profile *profile);
int isp_describe(const isp_profile *profile, int number, isp_info *info);

/* Size of one raw sample and of one picture sample in bytes; picture samples are unsigned, R, G, B interleaved. */
int isp_raw_bytes(const isp_profile *profile);
int isp_rgb_bytes(const isp_profile *profile);

/* A handle for frames of width x height pixels, with the values that the profile was compiled with.
 * On failure *handle is NULL. Close it with isp_close(), which takes NULL too. */
int isp_open(const isp_profile *profile, int width, int height, isp **handle);
void isp_close(isp *handle);

/* Size of the picture; smaller than the frame where a stage bins. */
int isp_size(const isp *handle, int *width, int *height);

/* Set or get one setting. A change holds from the next isp_begin() or isp_process() on. */
int isp_set(isp *handle, const char *name, const double *values, int count);
int isp_get(const isp *handle, const char *name, double *values, int count);

/* Numbers that the profile leaves to the caller ("stage.array", C order, of at most three axes); copied. */
int isp_set_array(isp *handle, const char *name, const float *values, const int *extents, int axes);

/* A stage that the profile leaves to the caller: whole frames, one plane of width x height floats after another.
 * Must write all of `out` and return 0. */
typedef int (*isp_host_stage)(void *user, const char *stage, const float *in, int in_planes, float *out,
                              int out_planes, int width, int height);
int isp_set_host(isp *handle, const char *stage, isp_host_stage function, void *user);

/* A whole frame. Strides are bytes from row to row; 0 for rows without padding. */
int isp_process(isp *handle, const void *raw, size_t raw_stride, void *rgb, size_t rgb_stride);

/* The same in strips. The reader writes raw rows first .. first + count - 1, each `stride` bytes after the one before,
 * and returns 0; it is asked for rows in ascending order, each once. Rows of the picture must be taken in ascending
 * order; any strip height gives the same bits. */
typedef int (*isp_reader)(void *user, int first, int count, void *rows, size_t stride);
int isp_begin(isp *handle, isp_reader reader, void *user);
int isp_rows(isp *handle, int first, int last, void *rgb, size_t rgb_stride); /* rows first .. last - 1 */

/* Threads of the pool that all handles share; by default as many as processors. Results do not depend on it. */
void isp_threads(int count);

/* The last error of a handle in words, one line; "" if there was none. Valid until its next call. */
const char *isp_message(const isp *handle);
/* What a code means, in words. */
const char *isp_error(int code);

#ifdef __cplusplus
}
#endif
#endif
