/* Develops a raw dump into a PPM file.
 *
 *     develop WIDTHxHEIGHT RAW PPM [SETTING=VALUE[,VALUE...]]...
 *     develop                                                    (lists the settings)
 *
 * RAW holds the samples row by row without padding, in this machine's byte order, 16 bits each (32 where the profile was
 * compiled for more than 16). For example: develop 4032x3024 in.raw out.ppm iso=400 white_balance.gains=1.9,1,1.7
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include PROFILE_HEADER

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "error: %s: %s\n", what, why);
    return 1;
}

static void list(void)
{
    static const char *const kind[] = {"interpolated", "direct", "fixed"};
    isp_info info;
    int i;
    for (i = 0; i < isp_count(&PROFILE); i++)
        if (!isp_describe(&PROFILE, i, &info))
            printf("%-40s %d x %g..%g %s, %s\n", info.name, info.count, info.lower, info.upper, info.unit,
                   kind[info.kind]);
}

/* SETTING=VALUE[,VALUE...] */
static int set(isp *camera, char *text)
{
    double values[64];
    int count = 0, code;
    char *at = strchr(text, '=');
    if (!at) return complain(text, "must be SETTING=VALUE[,VALUE...]");
    *at++ = 0;
    while (count < 64) {
        char *end;
        values[count++] = strtod(at, &end);
        if (end == at) return complain(text, "its value is not a number");
        if (!*end) break;
        at = end + 1;
    }
    code = isp_set(camera, text, values, count);
    return code ? complain(text, isp_message(camera)) : 0;
}

static int develop(isp *camera, const char *in, const char *out, int width, int height)
{
    size_t raw_bytes = (size_t)width * (size_t)height * (size_t)isp_raw_bytes(&PROFILE), row, i;
    int columns, rows, depth = isp_rgb_bytes(&PROFILE), code;
    void *raw = malloc(raw_bytes);
    unsigned char *rgb = NULL;
    FILE *file = fopen(in, "rb");
    if (!raw || !file || fread(raw, 1, raw_bytes, file) != raw_bytes) {
        if (file) fclose(file);
        free(raw);
        return complain(in, "cannot be read, or is shorter than the frame");
    }
    fclose(file);
    isp_size(camera, &columns, &rows);
    row = (size_t)columns * 3 * (size_t)depth;
    rgb = malloc(row * (size_t)rows);
    code = rgb ? isp_process(camera, raw, 0, rgb, 0) : ISP_ERROR_MEMORY;
    free(raw);
    if (code) {
        free(rgb);
        return complain(isp_error(code), isp_message(camera));
    }
    if (depth == 2) /* PPM has the high byte first */
        for (i = 0; i < row * (size_t)rows; i += 2) {
            unsigned short value;
            memcpy(&value, rgb + i, 2);
            rgb[i] = (unsigned char)(value >> 8);
            rgb[i + 1] = (unsigned char)value;
        }
    file = fopen(out, "wb");
    code = !file || fprintf(file, "P6\n%d %d\n%d\n", columns, rows, depth == 2 ? 65535 : 255) < 0 ||
           fwrite(rgb, row, (size_t)rows, file) != (size_t)rows;
    if (file && fclose(file)) code = 1;
    free(rgb);
    return code ? complain(out, "cannot be written") : 0;
}

int main(int argc, char **argv)
{
    int width, height, code, i, failed = 0;
    isp *camera;
    if (argc < 4) {
        list();
        return argc > 1;
    }
    if (sscanf(argv[1], "%dx%d", &width, &height) != 2) return complain(argv[1], "must be WIDTHxHEIGHT");
    code = isp_open(&PROFILE, width, height, &camera);
    if (code) return complain(argv[1], isp_error(code));
    for (i = 4; i < argc && !failed; i++) failed = set(camera, argv[i]);
    if (!failed) failed = develop(camera, argv[2], argv[3], width, height);
    isp_close(camera);
    return failed;
}
