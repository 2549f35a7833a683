/* Chains the compiled segments of a profile, row by row. See isp.h.
 *
 * Each part pulls the rows it needs from the one before through a rolling window, which is padded by mirroring that
 * keeps the colour filter array, at the frame's edges only. Which rows a part needs is asked of its program.
 */
#include "isp_table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ISP_STRIP_PIXELS (1 << 22)
#define ISP_MOST 65535 /* pixels along an axis: products of sizes stay in 64 bits, sizes of rows in 31 */
#define ISP_LEAST 4

/* Of Halide's runtime, which is linked beside this file. */
extern int halide_set_num_threads(int count);
typedef void (*isp_error_handler)(void *context, const char *text);
extern isp_error_handler halide_set_error_handler(isp_error_handler handler);

typedef struct grid {
    int width, height, phase_x, phase_y, block;
} grid;

/* Where a pixel lies, and how far the next column, row and plane are [bytes]. */
typedef struct place {
    char *at;
    ptrdiff_t column, row, plane;
} place;

typedef struct window {
    char *memory;
    size_t sample;
    int planes, rows, columns; /* as allocated */
    int left, right, above;
    int base, filled; /* frame rows of the first row kept and after the last one */
} window;

typedef struct level {
    const isp_part *part;
    grid from, to;
    window input;
    int strip, granularity;
    char *scratch;
    size_t scratch_bytes;
    float *frame; /* what a stage of the caller gave */
} level;

typedef struct array {
    float *values;
    float *given; /* by the caller */
    int32_t *integers; /* what the program reads, if not `values` */
    int extent[3];
    isp_dimension dim[3];
    isp_buffer buffer;
} array;

typedef struct host {
    const char *stage;
    isp_host_stage function;
    void *user;
} host;

struct isp {
    const isp_profile *profile;
    grid frame;
    double *state;   /* of each axis */
    double **direct; /* values of each setting that is not on axes */
    array *arrays;
    int variant; /* whose chain is linked; -1: none */
    int levels;
    level *level;
    host *hosts;
    int host_count;
    isp_reader reader;
    void *user;
    int next; /* first row that may be asked for; -1: not begun */
    char message[256];
};

static int fail(isp *h, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(h->message, sizeof h->message, format, arguments);
    va_end(arguments);
    return code;
}

static void on_program_error(void *context, const char *text)
{
    isp *h = context;
    if (h) snprintf(h->message, sizeof h->message, "%.200s", text);
}

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }
static int floor_div(int a, int b) { return a / b - (a % b < 0); }
static int whole(int a, int step) { return (a + step - 1) / step * step; }
static int strip_rows(int width) { return least(most(ISP_STRIP_PIXELS / width / 64 * 64, 64), 512); }
static size_t sample_of(const isp_port *port) { return (size_t)port->bits / 8; }

/* Position inside 0 .. size - 1 for one outside: whole blocks are mirrored, the offset inside a block is kept. */
static int mirrored(int index, int size, int block, int phase)
{
    int start, first, last, number, offset, period, folded, result;
    if (index >= 0 && index < size) return index;
    start = phase % block;
    first = start > 0;
    last = (start + size) / block - 1;
    number = floor_div(index + start, block);
    offset = index + start - number * block;
    period = most(2 * (last - first), 1);
    folded = (number - first) - floor_div(number - first, period) * period;
    folded = first + (folded > last - first ? period - folded : folded);
    result = folded * block + offset - start;
    return least(most(result, 0), size - 1);
}

/* ---------------------------------------------------------------------------------------------- numbers */

static double coordinate(int scale, double value)
{
    switch (scale) {
    case ISP_LOG2: return log2(value);
    case ISP_MIRED: return -1e6 / value;
    case ISP_EXP2: return exp2(value);
    default: return value;
    }
}

/* The node at or below a value, and the share of the way to the next one. */
static int locate(const isp_axis *axis, double value, double *share)
{
    double at = coordinate(axis->scale, value), low, high;
    int i = 0;
    *share = 0;
    if (axis->count < 2 || at <= coordinate(axis->scale, axis->nodes[0])) return 0;
    while (i < axis->count - 1 && at >= coordinate(axis->scale, axis->nodes[i + 1])) i++;
    if (i == axis->count - 1) return i;
    low = coordinate(axis->scale, axis->nodes[i]);
    high = coordinate(axis->scale, axis->nodes[i + 1]);
    *share = (at - low) / (high - low);
    return i;
}

/* Roots, squares and reciprocals only: their bits are the same on every machine. */
static double bent(int power, double value)
{
    switch (power) {
    case ISP_RECIPROCAL: return 1 / value;
    case ISP_SQUARE: return value * value;
    case ISP_RECIPROCAL_SQUARE: return 1 / (value * value);
    case ISP_ROOT: return sqrt(value);
    case ISP_RECIPROCAL_ROOT: return 1 / sqrt(value);
    default: return value;
    }
}

static double straight(int power, double value)
{
    static const int inverse[] = {ISP_PLAIN,           ISP_RECIPROCAL, ISP_ROOT,
                                  ISP_RECIPROCAL_ROOT, ISP_SQUARE,     ISP_RECIPROCAL_SQUARE};
    return bent(inverse[power], value);
}

/* Interpolates over the simplex that holds the state (H. W. Kuhn's triangulation of the cell): exact at nodes, for
 * affine functions, and for the largest or smallest of several axes with the same nodes. */
static void look_up(const isp *h, const isp_numbers *t, float *values)
{
    const isp_profile *p = h->profile;
    double share[ISP_AXES], weight[ISP_AXES + 1];
    size_t stride[ISP_AXES], vertex[ISP_AXES + 1], step = (size_t)t->elements;
    int order[ISP_AXES], i, j, at_base = 1;
    for (i = 0; i < t->axes; i++) at_base = at_base && h->state[t->axis[i]] == p->axis[t->axis[i]].base;
    if (at_base) return;
    vertex[0] = 0;
    for (i = t->axes - 1; i >= 0; i--) {
        const isp_axis *axis = &p->axis[t->axis[i]];
        vertex[0] += step * (size_t)locate(axis, h->state[t->axis[i]], &share[i]);
        stride[i] = step;
        step *= (size_t)axis->count;
    }
    for (i = 0; i < t->axes; i++) {
        for (j = i; j > 0 && share[order[j - 1]] < share[i]; j--) order[j] = order[j - 1];
        order[j] = i;
    }
    for (i = 0; i <= t->axes; i++) {
        double before = i ? share[order[i - 1]] : 1, after = i < t->axes ? share[order[i]] : 0;
        weight[i] = before - after;
        if (i) vertex[i] = vertex[i - 1] + (before > 0 ? stride[order[i - 1]] : 0);
    }
    for (j = 0; j < t->elements; j++) {
        double sum = 0;
        for (i = 0; i <= t->axes; i++)
            if (weight[i] > 0) sum += weight[i] * bent(t->power, t->values[vertex[i] + (size_t)j]);
        /* at a node there is one vertex, whose number is given as it is */
        values[t->element[j]] = weight[0] == 1 ? t->values[vertex[0] + (size_t)j] : (float)straight(t->power, sum);
    }
}

static size_t length(const int *extent, int axes)
{
    size_t count = 1;
    while (axes-- > 0) count *= (size_t)extent[axes];
    return count;
}

static void describe_array(array *a, int axes, void *values)
{
    int i, stride = 1;
    for (i = 0; i < axes; i++) {
        a->dim[i].min = 0;
        a->dim[i].extent = a->extent[axes - 1 - i];
        a->dim[i].stride = stride;
        stride *= a->dim[i].extent;
    }
    a->buffer.host = values;
    a->buffer.type_code = a->integers ? 0 : 2;
    a->buffer.type_bits = 32;
    a->buffer.type_lanes = 1;
    a->buffer.dimensions = axes;
    a->buffer.dim = a->dim;
}

static int32_t integer_of(float value, int shift)
{
    double rounded = floor(ldexp(value, shift) + 0.5);
    return (int32_t)fmin(fmax(rounded, INT32_MIN), INT32_MAX);
}

static void resolve(isp *h)
{
    const isp_profile *p = h->profile;
    int i, j;
    for (i = 0; i < p->arrays; i++)
        memcpy(h->arrays[i].values, p->array[i].base, length(p->array[i].extent, p->array[i].axes) * sizeof(float));
    for (i = 0; i < p->tables; i++) look_up(h, &p->table[i], h->arrays[p->table[i].array].values);
    for (i = 0; i < p->settings; i++)
        for (j = 0; j < p->setting[i].copies; j++) {
            const isp_copy *c = &p->setting[i].copy[j];
            h->arrays[c->array].values[c->element] = (float)h->direct[i][c->value];
        }
    for (i = 0; i < p->arrays; i++) {
        const isp_array *a = &p->array[i];
        int count = a->shifts ? (int)length(a->extent, a->axes) : 0;
        for (j = 0; j < count; j++)
            h->arrays[i].integers[j] = integer_of(h->arrays[i].values[j], a->shift[a->shifts > 1 ? j : 0]);
    }
}

static int wanted_variant(const isp *h)
{
    const isp_profile *p = h->profile;
    double share;
    int node;
    if (p->switch_axis < 0) return 0;
    node = locate(&p->axis[p->switch_axis], h->state[p->switch_axis], &share);
    return p->variant_at[2 * node + (share > 0)];
}

/* ---------------------------------------------------------------------------------------------- the chain */

static int produce(isp *h, int number, int start, int stop, place to);

static void free_level(level *l)
{
    free(l->input.memory);
    free(l->scratch);
    free(l->frame);
}

static void unlink_chain(isp *h)
{
    int i;
    for (i = 0; i < h->levels; i++) free_level(&h->level[i]);
    free(h->level);
    h->level = NULL;
    h->levels = 0;
    h->variant = -1;
}

static void set_buffer(isp_buffer *b, isp_dimension *dim, const isp_port *port, char *at, int x, int y, int columns,
                       int rows, ptrdiff_t column, ptrdiff_t row, ptrdiff_t plane)
{
    memset(b, 0, sizeof *b);
    dim[0].min = x, dim[0].extent = columns, dim[0].stride = (int32_t)column, dim[0].flags = 0;
    dim[1].min = y, dim[1].extent = rows, dim[1].stride = (int32_t)row, dim[1].flags = 0;
    dim[2].min = 0, dim[2].extent = port->channels, dim[2].stride = (int32_t)plane, dim[2].flags = 0;
    b->host = (uint8_t *)at;
    b->type_code = (uint8_t)port->code;
    b->type_bits = (uint8_t)port->bits;
    b->type_lanes = 1;
    b->dimensions = port->channels > 1 ? 3 : 2;
    b->dim = dim;
}

static int call(isp *h, const level *l, isp_buffer *source, isp_buffer *sink)
{
    void *context = h;
    void *arguments[64];
    int i, count = 0;
    arguments[count++] = &context;
    arguments[count++] = source;
    for (i = 0; i < l->part->arrays; i++) arguments[count++] = &h->arrays[l->part->array[i]].buffer;
    arguments[count++] = sink;
    h->message[0] = 0;
    if (l->part->program(arguments)) {
        if (!h->message[0]) fail(h, 0, "segment %s failed", l->part->name);
        return ISP_ERROR_PROGRAM;
    }
    return 0;
}

/* Size that the program computes, and that holds so many rows. */
static int whole_rows(const level *l, int rows) { return whole(rows, l->part->tile_height); }
static int whole_columns(const level *l) { return most(l->to.width, l->part->tile_width); }

/* Region of the source's frame that rows start .. stop need: x from, x to, y from, y to. */
static int needs(isp *h, const level *l, int start, int stop, int region[4])
{
    isp_buffer source, sink;
    isp_dimension from[3], to[3];
    int code;
    set_buffer(&source, from, &l->part->source, NULL, 0, 0, 0, 0, 0, 0, 0);
    set_buffer(&sink, to, &l->part->sink, NULL, l->to.phase_x, l->to.phase_y + start, whole_columns(l),
               whole_rows(l, stop - start), 0, 0, 0);
    if ((code = call(h, l, &source, &sink))) return code;
    region[0] = from[0].min - l->from.phase_x;
    region[1] = region[0] + from[0].extent;
    region[2] = from[1].min - l->from.phase_y;
    region[3] = region[2] + from[1].extent;
    return 0;
}

static size_t plane_bytes(const window *w) { return (size_t)w->rows * (size_t)w->columns * w->sample; }

static char *row_of(const window *w, int plane, int row)
{
    return w->memory + (size_t)plane * plane_bytes(w) + (size_t)row * (size_t)w->columns * w->sample;
}

static place window_place(const window *w, int row, int column)
{
    place p;
    p.at = row_of(w, 0, row) + (size_t)column * w->sample;
    p.column = (ptrdiff_t)w->sample;
    p.row = (ptrdiff_t)w->columns * p.column;
    p.plane = (ptrdiff_t)plane_bytes(w);
    return p;
}

static int granularity_below(const isp *h, int number) { return number > 0 ? h->level[number - 1].granularity : 1; }

static int make_window(isp *h, int number, int left, int right, int capacity)
{
    level *l = &h->level[number];
    window *w = &l->input;
    free(w->memory);
    w->sample = sample_of(&l->part->source);
    w->planes = l->part->source.channels;
    w->left = left;
    w->right = right;
    /* mirrored blocks keep their inside, so what lies below the frame repeats rows above those asked for */
    w->above = l->from.block == 1 ? 0 : 2 * l->from.block;
    w->rows = capacity + w->above + 2 * granularity_below(h, number);
    w->columns = left + l->from.width + right;
    w->base = w->filled = 0;
    w->memory = malloc((size_t)w->planes * plane_bytes(w));
    return w->memory ? 0 : fail(h, ISP_ERROR_MEMORY, "no memory for %d rows of %d pixels", w->rows, w->columns);
}

static int grow(isp *h, int number, int count)
{
    window *w = &h->level[number].input, larger = *w;
    int plane;
    if (count <= w->rows) return 0;
    larger.rows = count + granularity_below(h, number);
    larger.memory = malloc((size_t)w->planes * plane_bytes(&larger));
    if (!larger.memory) return fail(h, ISP_ERROR_MEMORY, "no memory for %d rows", larger.rows);
    for (plane = 0; plane < w->planes; plane++)
        memcpy(row_of(&larger, plane, 0), row_of(w, plane, 0),
               (size_t)(w->filled - w->base) * (size_t)w->columns * w->sample);
    free(w->memory);
    *w = larger;
    return 0;
}

static void keep_from(window *w, int start)
{
    int first = most(start, 0), plane;
    if (start == w->base) return;
    if (w->filled > first) {
        for (plane = 0; plane < w->planes; plane++)
            memmove(row_of(w, plane, first - start), row_of(w, plane, first - w->base),
                    (size_t)(w->filled - first) * (size_t)w->columns * w->sample);
    } else {
        w->filled = first;
    }
    w->base = start;
}

static void pad_columns(const level *l, int row, int first, int last)
{
    const window *w = &l->input;
    int plane, i;
    for (plane = 0; plane < w->planes; plane++) {
        char *at = row_of(w, plane, row) + (size_t)w->left * w->sample;
        for (i = first; i < last; i++)
            memcpy(at + i * (ptrdiff_t)w->sample,
                   at + mirrored(i, l->from.width, l->from.block, l->from.phase_x) * (ptrdiff_t)w->sample, w->sample);
    }
}

/* Make rows start .. stop of the source's frame (may lie outside it) stand in the window. */
static int view(isp *h, int number, int start, int stop)
{
    level *l = &h->level[number];
    window *w = &l->input;
    int code, row, plane, height = l->from.height, wanted = least(stop, height);
    keep_from(w, start - w->above);
    if ((code = grow(h, number, stop - w->base + granularity_below(h, number)))) return code;
    if (w->filled < wanted) {
        int first = w->filled - w->base;
        int done = produce(h, number - 1, w->filled, wanted, window_place(w, first, w->left));
        if (done < 0) return -done;
        w->filled = done;
        for (row = first; row < done - w->base; row++) {
            pad_columns(l, row, -w->left, 0);
            pad_columns(l, row, l->from.width, l->from.width + w->right);
        }
    }
    for (row = start; row < stop; row++) {
        int inside;
        if (row >= 0 && row < height) continue;
        inside = mirrored(row, height, l->from.block, l->from.phase_y);
        inside = least(most(inside, most(w->base, 0)), w->filled - 1);
        for (plane = 0; plane < w->planes; plane++)
            memcpy(row_of(w, plane, row - w->base), row_of(w, plane, inside - w->base),
                   (size_t)w->columns * w->sample);
    }
    return 0;
}

/* Compute rows start .. stop of a segment. */
static int compute(isp *h, int number, int start, int stop, place to)
{
    level *l = &h->level[number];
    const isp_port *port = &l->part->sink;
    window *w = &l->input;
    isp_buffer source, sink;
    isp_dimension from_dim[3], to_dim[3];
    int region[4], code, columns = whole_columns(l), rows = whole_rows(l, stop - start);
    int fits = columns == l->to.width && rows == stop - start;
    ptrdiff_t sample = (ptrdiff_t)sample_of(port);
    place whole_place = to, from;
    if ((code = needs(h, l, start, stop, region))) return code;
    if (region[0] < -w->left || region[1] > l->from.width + w->right)
        return fail(h, ISP_ERROR_PROGRAM, "segment %s reads columns outside its window", l->part->name);
    if ((code = view(h, number, region[2], region[3]))) return code;
    from = window_place(w, region[2] - w->base, w->left + region[0]);
    if (!fits) {
        size_t bytes = (size_t)columns * (size_t)rows * (size_t)port->channels * (size_t)sample;
        if (bytes > l->scratch_bytes) {
            free(l->scratch);
            l->scratch_bytes = 0;
            if (!(l->scratch = malloc(bytes))) return fail(h, ISP_ERROR_MEMORY, "no memory for %d rows", rows);
            l->scratch_bytes = bytes;
        }
        whole_place.at = l->scratch;
        whole_place.column = sample * (port->interleaved ? port->channels : 1);
        whole_place.row = whole_place.column * columns;
        whole_place.plane = port->interleaved ? sample : whole_place.row * rows;
    }
    set_buffer(&source, from_dim, &l->part->source, from.at, region[0] + l->from.phase_x,
               region[2] + l->from.phase_y, region[1] - region[0], region[3] - region[2], 1,
               from.row / from.column, from.plane / from.column);
    set_buffer(&sink, to_dim, port, whole_place.at, l->to.phase_x, l->to.phase_y + start, columns, rows,
               whole_place.column / sample, whole_place.row / sample, whole_place.plane / sample);
    if ((code = call(h, l, &source, &sink))) return code;
    if (!fits) {
        int plane, row, planes = port->interleaved ? 1 : port->channels;
        size_t bytes = (size_t)l->to.width * (size_t)whole_place.column;
        for (plane = 0; plane < planes; plane++)
            for (row = 0; row < stop - start; row++)
                memcpy(to.at + plane * to.plane + row * to.row,
                       whole_place.at + plane * whole_place.plane + row * whole_place.row, bytes);
    }
    return 0;
}

/* Run a stage of the caller on the whole frame, once. */
static int run_host(isp *h, int number)
{
    level *l = &h->level[number];
    const isp_part *part = l->part;
    size_t plane = (size_t)l->from.width * (size_t)l->from.height;
    int i, done, code = 0;
    const host *known = NULL;
    float *in;
    place to;
    for (i = 0; i < h->host_count; i++)
        if (!strcmp(h->hosts[i].stage, part->name)) known = &h->hosts[i];
    if (!known || !known->function)
        return fail(h, ISP_ERROR_HOST, "stage %s is left to the caller; give it with isp_set_host()", part->name);
    in = malloc(plane * (size_t)part->source.channels * sizeof(float));
    l->frame = malloc(plane * (size_t)part->sink.channels * sizeof(float));
    if (!in || !l->frame) code = fail(h, ISP_ERROR_MEMORY, "no memory for the frame of stage %s", part->name);
    to.column = sizeof(float);
    to.row = l->from.width * to.column;
    to.plane = (ptrdiff_t)plane * to.column;
    for (done = 0; !code && done < l->from.height;) {
        to.at = (char *)in + done * to.row;
        done = produce(h, number - 1, done, least(done + strip_rows(l->from.width), l->from.height), to);
        if (done < 0) code = -done;
    }
    if (!code && known->function(known->user, part->name, in, part->source.channels, l->frame, part->sink.channels,
                                 l->from.width, l->from.height))
        code = fail(h, ISP_ERROR_HOST, "the caller's stage %s failed", part->name);
    free(in);
    if (code) {
        free(l->frame);
        l->frame = NULL;
    }
    return code;
}

/* Write rows start .. stop, and more where that comes cheaper; returns the row after the last one, or -code. */
static int produce(isp *h, int number, int start, int stop, place to)
{
    level *l;
    int code, planes, plane, row;
    if (number < 0) {
        stop = least(stop, h->frame.height);
        if (h->reader(h->user, start, stop - start, to.at, (size_t)to.row)) {
            fail(h, ISP_ERROR_READ, "the reader failed on rows %d..%d", start, stop - 1);
            return -ISP_ERROR_READ;
        }
        return stop;
    }
    l = &h->level[number];
    stop = least(stop, l->part->program ? whole(stop - start, l->granularity) + start : stop);
    if (l->part->program) {
        int height = l->to.height, end = least(stop, height);
        while (start < end) {
            int step = least(least(l->strip, whole(end - start, l->granularity)), height - start);
            if ((code = compute(h, number, start, start + step, to))) return -code;
            to.at += step * to.row;
            start += step;
        }
        return start;
    }
    if (!l->frame && (code = run_host(h, number))) return -code;
    stop = least(stop, l->to.height);
    planes = l->part->sink.channels;
    for (plane = 0; plane < planes; plane++)
        for (row = start; row < stop; row++)
            memcpy(to.at + plane * to.plane + (row - start) * to.row,
                   l->frame + ((size_t)plane * (size_t)l->to.height + (size_t)row) * (size_t)l->to.width,
                   (size_t)l->to.width * sizeof(float));
    return stop;
}

/* The grid behind a part: whole boxes of scale x scale pixels become one. */
static grid behind(grid g, const isp_part *part)
{
    grid r;
    int s = part->scale;
    r.phase_x = part->phase_x;
    r.phase_y = part->phase_y;
    r.block = part->block;
    r.width = s == 1 ? g.width : (g.phase_x + g.width) / s - r.phase_x;
    r.height = s == 1 ? g.height : (g.phase_y + g.height) / s - r.phase_y;
    return r;
}

static int link_chain(isp *h, int variant)
{
    const isp_variant *v = &h->profile->variant[variant];
    grid g = h->frame;
    int i;
    unlink_chain(h);
    h->level = calloc((size_t)v->parts, sizeof *h->level);
    if (!h->level) return fail(h, ISP_ERROR_MEMORY, "no memory for the chain");
    h->levels = v->parts;
    for (i = 0; i < v->parts; i++) {
        level *l = &h->level[i];
        l->part = v->part[i];
        l->from = g;
        l->to = g = behind(g, l->part);
        l->granularity = l->part->program ? l->part->tile_height : 1;
        if (g.width < 1 || g.height < 1) return fail(h, ISP_ERROR_SIZE, "the frame is too small for its profile");
        l->strip = most(strip_rows(g.width) / l->granularity, 1) * l->granularity;
    }
    h->variant = variant;
    return 0;
}

/* Link what the state asks for, with windows that hold what the programs read, and start at the first row. */
static int prepare(isp *h)
{
    int i, code, variant = wanted_variant(h);
    for (i = 0; i < h->profile->arrays; i++)
        if (h->profile->array[i].fed == 1 && !h->arrays[i].given)
            return fail(h, ISP_ERROR_HOST, "array %s is left to the caller; give it with isp_set_array()",
                        h->profile->array[i].name);
    resolve(h);
    if (variant != h->variant && (code = link_chain(h, variant))) {
        unlink_chain(h);
        return code;
    }
    for (i = 0; i < h->levels; i++) {
        level *l = &h->level[i];
        window *w = &l->input;
        int region[4], left, right;
        free(l->frame);
        l->frame = NULL;
        w->base = w->filled = 0;
        if (!l->part->program) continue;
        if ((code = needs(h, l, 0, l->strip, region))) return code;
        left = most(-region[0], 0);
        right = most(region[1] - l->from.width, 0);
        if ((!w->memory || left > w->left || right > w->right) &&
            (code = make_window(h, i, left, right, region[3] - region[2])))
            return code;
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------------- the interface */

int isp_count(const isp_profile *p) { return p ? p->settings : 0; }

int isp_describe(const isp_profile *p, int number, isp_info *info)
{
    if (!p || !info) return ISP_ERROR_ARGUMENT;
    if (number < 0 || number >= p->settings) return ISP_ERROR_NAME;
    *info = p->setting[number].info;
    return ISP_OK;
}

int isp_raw_bytes(const isp_profile *p) { return p ? p->raw.bits / 8 : 0; }

static const isp_port *sink_of(const isp_profile *p)
{
    const isp_variant *v = &p->variant[0];
    return &v->part[v->parts - 1]->sink;
}

int isp_rgb_bytes(const isp_profile *p) { return p ? sink_of(p)->bits / 8 : 0; }

int isp_open(const isp_profile *p, int width, int height, isp **handle)
{
    isp *h;
    int i, j, ok;
    if (handle) *handle = NULL;
    if (!p || !handle) return ISP_ERROR_ARGUMENT;
    if (least(width, height) < ISP_LEAST || most(width, height) > ISP_MOST) return ISP_ERROR_SIZE;
    if (p->width && (width != p->width || height != p->height)) return ISP_ERROR_SIZE;
    if (!(h = calloc(1, sizeof *h))) return ISP_ERROR_MEMORY;
    h->profile = p;
    h->variant = -1;
    h->next = -1;
    h->frame.width = width;
    h->frame.height = height;
    h->frame.phase_x = p->phase_x;
    h->frame.phase_y = p->phase_y;
    h->frame.block = p->block;
    h->state = calloc((size_t)p->axes + 1, sizeof *h->state);
    h->direct = calloc((size_t)p->settings + 1, sizeof *h->direct);
    h->arrays = calloc((size_t)p->arrays + 1, sizeof *h->arrays);
    ok = h->state && h->direct && h->arrays;
    for (i = 0; ok && i < p->axes; i++) h->state[i] = p->axis[i].base;
    for (i = 0; ok && i < p->settings; i++) {
        int count = p->setting[i].info.count;
        if (p->setting[i].info.kind != ISP_DIRECT) continue;
        ok = (h->direct[i] = malloc((size_t)count * sizeof(double))) != NULL;
        for (j = 0; ok && j < count; j++) h->direct[i][j] = p->setting[i].values[j];
    }
    for (i = 0; ok && i < p->arrays; i++) {
        array *a = &h->arrays[i];
        const isp_array *given = &p->array[i];
        memcpy(a->extent, given->extent, sizeof a->extent);
        ok = (a->values = malloc(length(a->extent, given->axes) * sizeof(float) + 1)) != NULL;
        if (ok && given->shifts) ok = (a->integers = malloc(length(a->extent, given->axes) * sizeof(int32_t) + 1)) != NULL;
        if (ok) describe_array(a, given->axes, given->shifts ? (void *)a->integers : a->values);
    }
    if (!ok) {
        isp_close(h);
        return ISP_ERROR_MEMORY;
    }
    halide_set_error_handler(on_program_error);
    *handle = h;
    return ISP_OK;
}

void isp_close(isp *h)
{
    int i;
    if (!h) return;
    unlink_chain(h);
    for (i = 0; h->arrays && i < h->profile->arrays; i++) {
        free(h->arrays[i].values);
        free(h->arrays[i].given);
        free(h->arrays[i].integers);
    }
    for (i = 0; h->direct && i < h->profile->settings; i++) free(h->direct[i]);
    free(h->arrays);
    free(h->direct);
    free(h->state);
    free(h->hosts);
    free(h);
}

int isp_size(const isp *h, int *width, int *height)
{
    grid g;
    const isp_variant *v;
    int i;
    if (!h || !width || !height) return ISP_ERROR_ARGUMENT;
    g = h->frame;
    v = &h->profile->variant[0];
    for (i = 0; i < v->parts; i++) g = behind(g, v->part[i]);
    *width = g.width;
    *height = g.height;
    return ISP_OK;
}

static int setting_of(const isp *h, const char *name)
{
    int i;
    for (i = 0; i < h->profile->settings; i++)
        if (!strcmp(h->profile->setting[i].info.name, name)) return i;
    return -1;
}

int isp_set(isp *h, const char *name, const double *values, int count)
{
    const isp_setting *s;
    int i, number;
    if (!h || !name || !values) return ISP_ERROR_ARGUMENT;
    number = setting_of(h, name);
    if (number < 0) return fail(h, ISP_ERROR_NAME, "the profile has no setting %s", name);
    s = &h->profile->setting[number];
    if (s->info.kind == ISP_FIXED)
        return fail(h, ISP_ERROR_FIXED, "%s was resolved when the profile was compiled", name);
    if (count != s->info.count) return fail(h, ISP_ERROR_COUNT, "%s has %d values, not %d", name, s->info.count, count);
    for (i = 0; i < count; i++)
        if (!(values[i] >= s->info.lower && values[i] <= s->info.upper) || isinf(values[i]))
            return fail(h, ISP_ERROR_RANGE, "%s: %g is out of bounds; allowed: %g..%g %s", name, values[i],
                        s->info.lower, s->info.upper, s->info.unit);
    for (i = 0; i < count; i++) {
        if (s->info.kind == ISP_AXIS)
            h->state[s->axis + i] = values[i];
        else
            h->direct[number][i] = values[i];
    }
    return ISP_OK;
}

int isp_get(const isp *h, const char *name, double *values, int count)
{
    const isp_setting *s;
    int i, number;
    if (!h || !name || !values) return ISP_ERROR_ARGUMENT;
    number = setting_of(h, name);
    if (number < 0) return ISP_ERROR_NAME;
    s = &h->profile->setting[number];
    if (count != s->info.count) return ISP_ERROR_COUNT;
    for (i = 0; i < count; i++)
        values[i] = s->info.kind == ISP_AXIS     ? h->state[s->axis + i]
                    : s->info.kind == ISP_DIRECT ? h->direct[number][i]
                                                 : s->values[i];
    return ISP_OK;
}

int isp_set_array(isp *h, const char *name, const float *values, const int *extents, int axes)
{
    int i, k;
    if (!h || !name || !values || !extents) return ISP_ERROR_ARGUMENT;
    for (i = 0; i < h->profile->arrays; i++) {
        const isp_array *known = &h->profile->array[i];
        array *a = &h->arrays[i];
        float *copy;
        if (!known->fed || strcmp(known->name, name)) continue;
        if (axes != known->axes) return fail(h, ISP_ERROR_COUNT, "%s has %d axes, not %d", name, known->axes, axes);
        for (k = 0; k < axes; k++)
            if (extents[k] < 1 || extents[k] > ISP_MOST)
                return fail(h, ISP_ERROR_RANGE, "%s: extent %d of axis %d is out of bounds", name, extents[k], k);
        if (!(copy = malloc(length(extents, axes) * sizeof(float))))
            return fail(h, ISP_ERROR_MEMORY, "no memory for %s", name);
        memcpy(copy, values, length(extents, axes) * sizeof(float));
        free(a->given);
        a->given = copy;
        memcpy(a->extent, extents, (size_t)axes * sizeof(int));
        describe_array(a, axes, copy);
        return ISP_OK;
    }
    return fail(h, ISP_ERROR_NAME, "the profile leaves no array %s to the caller", name);
}

int isp_set_host(isp *h, const char *stage, isp_host_stage function, void *user)
{
    host *larger;
    int i, j;
    if (!h || !stage || !function) return ISP_ERROR_ARGUMENT;
    for (i = 0; i < h->profile->variants; i++)
        for (j = 0; j < h->profile->variant[i].parts; j++) {
            const isp_part *part = h->profile->variant[i].part[j];
            if (part->program || strcmp(part->name, stage)) continue;
            larger = realloc(h->hosts, ((size_t)h->host_count + 1) * sizeof *larger);
            if (!larger) return fail(h, ISP_ERROR_MEMORY, "no memory for a stage");
            h->hosts = larger;
            h->hosts[h->host_count].stage = part->name;
            h->hosts[h->host_count].function = function;
            h->hosts[h->host_count++].user = user;
            return ISP_OK;
        }
    return fail(h, ISP_ERROR_NAME, "the profile leaves no stage %s to the caller", stage);
}

int isp_begin(isp *h, isp_reader reader, void *user)
{
    int code;
    if (!h || !reader) return ISP_ERROR_ARGUMENT;
    h->next = -1;
    h->reader = reader;
    h->user = user;
    if ((code = prepare(h))) return code;
    h->message[0] = 0;
    h->next = 0;
    return ISP_OK;
}

int isp_rows(isp *h, int first, int last, void *rgb, size_t stride)
{
    const level *l;
    size_t pixel;
    place to;
    int done;
    if (!h || !rgb) return ISP_ERROR_ARGUMENT;
    if (h->next < 0) return fail(h, ISP_ERROR_ORDER, "rows were asked for before isp_begin()");
    l = &h->level[h->levels - 1];
    if (first < h->next || last <= first || last > l->to.height)
        return fail(h, ISP_ERROR_ORDER, "rows %d..%d cannot be had; allowed: ascending, %d..%d", first, last - 1,
                    h->next, l->to.height - 1);
    pixel = sample_of(&l->part->sink) * (size_t)l->part->sink.channels;
    if (!stride) stride = pixel * (size_t)l->to.width;
    if (stride < pixel * (size_t)l->to.width || stride % sample_of(&l->part->sink) || stride > 0x7fffffff)
        return fail(h, ISP_ERROR_ARGUMENT, "a stride of %lu bytes does not fit rows of %d pixels of %lu bytes",
                    (unsigned long)stride, l->to.width, (unsigned long)pixel);
    to.at = rgb;
    to.column = (ptrdiff_t)pixel;
    to.row = (ptrdiff_t)stride;
    to.plane = (ptrdiff_t)sample_of(&l->part->sink);
    for (done = first; done < last;) {
        int code, stop = least(done + l->strip, last);
        to.at = (char *)rgb + (size_t)(done - first) * stride;
        if ((code = compute(h, h->levels - 1, done, stop, to))) {
            h->next = -1;
            return code;
        }
        done = stop;
    }
    h->next = last;
    return ISP_OK;
}

typedef struct frame {
    const char *raw;
    size_t stride, bytes;
} frame;

static int read_frame(void *user, int first, int count, void *rows, size_t stride)
{
    const frame *f = user;
    int i;
    for (i = 0; i < count; i++)
        memcpy((char *)rows + (size_t)i * stride, f->raw + (size_t)(first + i) * f->stride, f->bytes);
    return 0;
}

int isp_process(isp *h, const void *raw, size_t raw_stride, void *rgb, size_t rgb_stride)
{
    frame f;
    int code;
    if (!h || !raw || !rgb) return ISP_ERROR_ARGUMENT;
    f.raw = raw;
    f.bytes = (size_t)h->frame.width * sample_of(&h->profile->raw);
    f.stride = raw_stride ? raw_stride : f.bytes;
    if (f.stride < f.bytes) return fail(h, ISP_ERROR_ARGUMENT, "a raw stride of %lu bytes is shorter than a row",
                                        (unsigned long)raw_stride);
    if ((code = isp_begin(h, read_frame, &f))) return code;
    code = isp_rows(h, 0, h->level[h->levels - 1].to.height, rgb, rgb_stride);
    h->next = -1;
    return code;
}

void isp_threads(int count) { halide_set_num_threads(count < 1 ? 1 : count); }

const char *isp_message(const isp *h) { return h ? h->message : ""; }

const char *isp_error(int code)
{
    static const char *const text[] = {
        "no error", "wrong argument", "no such name", "wrong number of values", "out of bounds",
        "fixed when the profile was compiled", "wrong frame size", "out of memory", "rows out of order",
        "the reader failed", "a stage or array of the caller is missing or failed", "a compiled segment failed"};
    return code >= 0 && code < (int)(sizeof text / sizeof *text) ? text[code] : "unknown error";
}
