/* How a compiled profile is laid out. Written by `isp compile`, read by isp.c; not for callers. */
#ifndef ISP_TABLE_H
#define ISP_TABLE_H

#include <stdint.h>

#include "isp.h"

#define ISP_AXES 5 /* most axes of one table */

/* halide_buffer_t and its parts, as Halide 21's runtime lays them out. */
typedef struct isp_dimension {
    int32_t min, extent, stride;
    uint32_t flags;
} isp_dimension;

typedef struct isp_buffer {
    uint64_t device;
    const void *device_interface;
    uint8_t *host;
    uint64_t flags;
    uint8_t type_code, type_bits;
    uint16_t type_lanes;
    int32_t dimensions;
    isp_dimension *dim;
    void *padding;
} isp_buffer;

typedef int (*isp_program)(void **arguments);

enum { ISP_LINEAR = 0, ISP_LOG2 = 1, ISP_MIRED = 2, ISP_EXP2 = 3 };

/* What is interpolated in place of a number. */
enum { ISP_PLAIN, ISP_RECIPROCAL, ISP_SQUARE, ISP_RECIPROCAL_SQUARE, ISP_ROOT, ISP_RECIPROCAL_ROOT };

/* A number that tables run over. Nodes ascend in the interpolation's own coordinate. */
typedef struct isp_axis {
    int scale;
    int count;
    const double *nodes;
    double base;
} isp_axis;

/* Numbers that a segment reads, C order. */
typedef struct isp_array {
    const char *name;
    int axes;
    int extent[3];
    const float *base;
    int fed; /* 1: the caller must give it; 2: it may */
    int shifts; /* 0: read as float32; else as int32 times 2^-shift, of so many elements, or 1 for all */
    const int *shift;
} isp_array;

/* Elements of an array that follow axes: values[node of axis 0]...[node of the last axis][element]. */
typedef struct isp_numbers {
    int array;
    int elements;
    const int *element;
    int axes;
    int axis[ISP_AXES];
    int power;
    const float *values;
} isp_numbers;

/* Element `element` of `array` is value `value` of the setting. */
typedef struct isp_copy {
    int value, array, element;
} isp_copy;

typedef struct isp_setting {
    isp_info info;
    const double *values;
    int axis; /* the first of info.count axes, for ISP_AXIS */
    int copies;
    const isp_copy *copy;
} isp_setting;

typedef struct isp_port {
    int code, bits; /* Halide's type code and bits of a sample */
    int channels;
    int interleaved;
} isp_port;

/* A segment (program), or a stage of the caller (host). */
typedef struct isp_part {
    const char *name;
    isp_program program; /* 0 for a stage of the caller */
    isp_port source, sink;
    int tile_width, tile_height;
    int arrays;
    const int *array;
    int scale;              /* source pixels per pixel along each axis */
    int phase_x, phase_y;   /* of the picture it gives, in the grid that programs count in */
    int block;              /* side of the same-colour blocks of what it gives */
} isp_part;

/* The parts that run together. */
typedef struct isp_variant {
    int parts;
    const isp_part *const *part;
} isp_variant;

struct isp_profile {
    const char *name;
    int width, height; /* frames it holds for; 0: any */
    int phase_x, phase_y, block;
    isp_port raw;
    int axes;
    const isp_axis *axis;
    int arrays;
    const isp_array *array;
    int tables;
    const isp_numbers *table;
    int settings;
    const isp_setting *setting;
    int variants;
    const isp_variant *variant;
    /* Which variant runs: at node i of this axis entry 2 i, between nodes i and i + 1 entry 2 i + 1. */
    int switch_axis; /* -1: always the first variant */
    const int *variant_at;
};

#endif
