/*
 * The three loops over pixels that rasterizing spends its time in, compiled. Each has an exact twin in NumPy
 * that states the rule and serves where no compiler was found: scanline.fill_numpy, rows.filter_numpy,
 * runs.measure_numpy. The tests hold each pair against each other.
 *
 * fill(points, offsets, values, index)       the 'cityscapes' fill rule
 *   points   int32 (M, 2): x, y
 *   offsets  int64 (K + 1): polygon k is points[offsets[k]:offsets[k + 1]]
 *   values   int64 (K): what polygon k paints
 *   index    uint8 or uint16 (H, W): painted in place
 *
 * filter_rows(index, table, rows)            table[index] as the rows of a PNG, filter 'Up'
 *   table    uint8 (V, C): the bytes of a pixel for each value of the index image; all values are below V
 *   rows     uint8 (H, 1 + W * C): written
 *
 * measure(index, areas, boxes)               how many pixels each value has, and where
 *   areas    int64 (V,): added to
 *   boxes    int64 (V, 4): left, top, right, bottom (exclusive): widened
 *
 * All arrays are in C order. Only the buffer protocol is used, so one build serves every NumPy.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* A fused multiply-add would round once where the rule rounds twice (setup.py also forbids it). */
#if defined(__clang__) || defined(_MSC_VER)
#pragma STDC FP_CONTRACT OFF
#endif

typedef struct {
    int32_t first, last; /* rows first <= y < last, inside the image */
    float x0, y0, slope;
} Edge;

static int by_first_row(const void *a, const void *b) {
    int32_t first = ((const Edge *)a)->first, second = ((const Edge *)b)->first;
    return (first > second) - (first < second);
}

static int by_value(const void *a, const void *b) {
    float first = *(const float *)a, second = *(const float *)b;
    return (first > second) - (first < second);
}

static void sort_crossings(float *x, Py_ssize_t n) {
    if (n > 48) {
        qsort(x, (size_t)n, sizeof(float), by_value);
        return;
    }
    for (Py_ssize_t i = 1; i < n; i++) {
        float value = x[i];
        Py_ssize_t j = i;
        for (; j > 0 && x[j - 1] > value; j--) x[j] = x[j - 1];
        x[j] = value;
    }
}

/* The edges that cross the centre of some row of the image; returns how many. */
static Py_ssize_t collect_edges(const int32_t *points, Py_ssize_t n, Py_ssize_t height, Edge *edges) {
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        const int32_t *p = points + 2 * i, *q = points + 2 * (i + 1 < n ? i + 1 : 0);
        int32_t low = p[1] < q[1] ? p[1] : q[1], high = p[1] < q[1] ? q[1] : p[1];
        if (low < 0) low = 0;
        if ((Py_ssize_t)high > height) high = (int32_t)height;
        if (low >= high) continue; /* horizontal, above or below */
        edges[count].first = low;
        edges[count].last = high;
        edges[count].x0 = (float)p[0];
        edges[count].y0 = (float)p[1];
        edges[count].slope = ((float)q[0] - (float)p[0]) / ((float)q[1] - (float)p[1]);
        count++;
    }
    return count;
}

static void paint_row(char *row, Py_ssize_t width, Py_ssize_t itemsize, const float *x, Py_ssize_t n, uint16_t value) {
    for (Py_ssize_t i = 0; i + 1 < n; i += 2) {
        double left = ceil((double)x[i] - 0.5), right = floor((double)x[i + 1] + 0.5);
        if (left < 0) left = 0;
        if (right > (double)(width - 1)) right = (double)(width - 1);
        if (left > right) continue;
        Py_ssize_t start = (Py_ssize_t)left, stop = (Py_ssize_t)right + 1;
        if (itemsize == 1) {
            memset(row + start, (int)value, (size_t)(stop - start));
        } else {
            uint16_t *pixels = (uint16_t *)(void *)row;
            for (Py_ssize_t column = start; column < stop; column++) pixels[column] = value;
        }
    }
}

static void fill_polygon(const Edge *edges, Py_ssize_t count, Py_ssize_t *active, float *x, char *image,
                         Py_ssize_t width, Py_ssize_t itemsize, uint16_t value) {
    Py_ssize_t next = 0, open = 0;
    int32_t y = count ? edges[0].first : 0;
    while (next < count || open) {
        if (!open && edges[next].first > y) y = edges[next].first;
        for (; next < count && edges[next].first <= y; next++) active[open++] = next;
        Py_ssize_t kept = 0;
        for (Py_ssize_t i = 0; i < open; i++)
            if (edges[active[i]].last > y) active[kept++] = active[i];
        open = kept;
        for (Py_ssize_t i = 0; i < open; i++) {
            const Edge *edge = edges + active[i];
            float dy = (float)y + 0.5f - edge->y0;
            float step = dy * edge->slope;
            x[i] = step + edge->x0;
        }
        sort_crossings(x, open);
        paint_row(image + (Py_ssize_t)y * width * itemsize, width, itemsize, x, open, value);
        y++;
    }
}

static int check_fill(const Py_buffer *points, const Py_buffer *offsets, const Py_buffer *values,
                      const Py_buffer *index) {
    if (points->itemsize != 4 || points->ndim != 2 || points->shape[1] != 2 || offsets->itemsize != 8 ||
        offsets->ndim != 1 || values->itemsize != 8 || values->ndim != 1 || index->ndim != 2 ||
        (index->itemsize != 1 && index->itemsize != 2)) {
        PyErr_SetString(PyExc_TypeError, "fill wants int32 (M, 2), int64 (K + 1), int64 (K), uint8 or uint16 (H, W)");
        return -1;
    }
    const int64_t *at = offsets->buf;
    Py_ssize_t polygons = values->shape[0];
    int ordered = offsets->shape[0] == polygons + 1 && at[0] == 0 && at[polygons] == points->shape[0];
    for (Py_ssize_t k = 0; ordered && k < polygons; k++) ordered = at[k] <= at[k + 1];
    const int64_t *value = values->buf, most = index->itemsize == 1 ? UINT8_MAX : UINT16_MAX;
    for (Py_ssize_t k = 0; k < polygons; k++) {
        if (value[k] < 0 || value[k] > most) {
            PyErr_SetString(PyExc_OverflowError, "a value does not fit the index image");
            return -1;
        }
    }
    if (!ordered || index->shape[0] > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "the offsets do not cut the points into as many polygons as there are values");
        return -1;
    }
    return 0;
}

static int paint(Py_buffer *points, Py_buffer *offsets, Py_buffer *values, Py_buffer *index) {
    const int64_t *at = offsets->buf, *value = values->buf;
    Py_ssize_t polygons = values->shape[0], largest = 1;
    for (Py_ssize_t k = 0; k < polygons; k++)
        if (at[k + 1] - at[k] > largest) largest = (Py_ssize_t)(at[k + 1] - at[k]);
    Edge *edges = PyMem_Calloc((size_t)largest, sizeof(Edge));
    Py_ssize_t *active = PyMem_Calloc((size_t)largest, sizeof(Py_ssize_t));
    float *x = PyMem_Calloc((size_t)largest, sizeof(float));
    int enough = edges && active && x;
    if (enough) {
        Py_BEGIN_ALLOW_THREADS;
        for (Py_ssize_t k = 0; k < polygons; k++) {
            Py_ssize_t n = (Py_ssize_t)(at[k + 1] - at[k]);
            Py_ssize_t count = collect_edges((const int32_t *)points->buf + 2 * at[k], n, index->shape[0], edges);
            qsort(edges, (size_t)count, sizeof(Edge), by_first_row);
            fill_polygon(edges, count, active, x, index->buf, index->shape[1], index->itemsize, (uint16_t)value[k]);
        }
        Py_END_ALLOW_THREADS;
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(edges);
    PyMem_Free(active);
    PyMem_Free(x);
    return enough ? 0 : -1;
}

/* Get `count` buffers, the last `writable` of them for writing; returns how many are held. */
static int hold(PyObject *const *args, Py_ssize_t nargs, Py_buffer *buffers, int count, int writable) {
    int held = 0;
    if (nargs != count) {
        PyErr_Format(PyExc_TypeError, "%d arguments are wanted", count);
        return 0;
    }
    for (; held < count; held++) {
        int flags = PyBUF_C_CONTIGUOUS | (held >= count - writable ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(args[held], &buffers[held], flags) < 0) break;
    }
    return held;
}

static PyObject *let_go(Py_buffer *buffers, int held, int done) {
    while (held > 0) PyBuffer_Release(&buffers[--held]);
    if (!done) return NULL;
    Py_RETURN_NONE;
}

static PyObject *fill(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer b[4];
    (void)module;
    int held = hold(args, nargs, b, 4, 1);
    int done = held == 4 && check_fill(&b[0], &b[1], &b[2], &b[3]) == 0 && paint(&b[0], &b[1], &b[2], &b[3]) == 0;
    return let_go(b, held, done);
}

static inline uint32_t value_at(const char *row, Py_ssize_t itemsize, Py_ssize_t x) {
    if (itemsize == 1) return ((const uint8_t *)row)[x];
    uint16_t value;
    memcpy(&value, row + 2 * x, 2);
    return value;
}

static int same_word(const char *a, const char *b) {
    uint64_t first, second;
    memcpy(&first, a, 8);
    memcpy(&second, b, 8);
    return first == second;
}

/* Rows are compared eight bytes at a time: in a label image nearly all of them equal those above, and their
 * differences are the zeros that the row begins with. */
static void filter_row(const char *row, const char *above, Py_ssize_t width, Py_ssize_t itemsize, const uint8_t *table,
                       Py_ssize_t channels, uint8_t *out) {
    Py_ssize_t step = 8 / itemsize, x = 0;
    memset(out, 0, (size_t)(width * channels));
    while (x < width) {
        if (above != NULL && x + step <= width && same_word(row + x * itemsize, above + x * itemsize)) {
            x += step;
            continue;
        }
        Py_ssize_t stop = x + step < width ? x + step : width;
        for (; x < stop; x++) {
            const uint8_t *pixel = table + value_at(row, itemsize, x) * channels;
            const uint8_t *up = above == NULL ? NULL : table + value_at(above, itemsize, x) * channels;
            if (pixel == up) continue;
            for (Py_ssize_t c = 0; c < channels; c++)
                out[x * channels + c] = (uint8_t)(up == NULL ? pixel[c] : pixel[c] - up[c]);
        }
    }
}

/* Whether every value of the index image is below `values`; a wrong one would read past the table. */
static int all_below(const Py_buffer *index, Py_ssize_t values) {
    Py_ssize_t count = index->shape[0] * index->shape[1];
    uint32_t most = 0;
    if (values > (index->itemsize == 1 ? 255 : 65535)) return 1;
    if (index->itemsize == 1) {
        const uint8_t *pixel = index->buf;
        uint8_t high = 0;
        for (Py_ssize_t i = 0; i < count; i++) high = pixel[i] > high ? pixel[i] : high;
        most = high;
    } else {
        const uint16_t *pixel = index->buf;
        uint16_t high = 0;
        for (Py_ssize_t i = 0; i < count; i++) high = pixel[i] > high ? pixel[i] : high;
        most = high;
    }
    return count == 0 || (Py_ssize_t)most < values;
}

static int check_index(const Py_buffer *index, Py_ssize_t values) {
    if (index->ndim != 2 || (index->itemsize != 1 && index->itemsize != 2)) {
        PyErr_SetString(PyExc_TypeError, "the index image is uint8 or uint16 (H, W)");
        return -1;
    }
    if (!all_below(index, values)) {
        PyErr_SetString(PyExc_ValueError, "the index image holds a value beyond the table");
        return -1;
    }
    return 0;
}

static PyObject *filter_rows(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer b[3];
    (void)module;
    int held = hold(args, nargs, b, 3, 1), done = 0;
    if (held == 3) {
        const Py_buffer *index = &b[0], *table = &b[1], *rows = &b[2];
        if (table->ndim != 2 || table->itemsize != 1 || rows->ndim != 2 || rows->itemsize != 1) {
            PyErr_SetString(PyExc_TypeError, "filter_rows wants uint8 or uint16 (H, W), uint8 (V, C), uint8 (H, 1 + W * C)");
        } else if (check_index(index, table->shape[0]) == 0) {
            Py_ssize_t height = index->shape[0], width = index->shape[1], channels = table->shape[1];
            if (rows->shape[0] != height || rows->shape[1] != 1 + width * channels) {
                PyErr_SetString(PyExc_ValueError, "the rows are not of the image's size");
            } else {
                Py_BEGIN_ALLOW_THREADS;
                for (Py_ssize_t y = 0; y < height; y++) {
                    const char *row = (const char *)index->buf + y * width * index->itemsize;
                    const char *above = y ? row - width * index->itemsize : NULL;
                    uint8_t *out = (uint8_t *)rows->buf + y * rows->shape[1];
                    out[0] = 2;
                    filter_row(row, above, width, index->itemsize, table->buf, channels, out + 1);
                }
                Py_END_ALLOW_THREADS;
                done = 1;
            }
        }
    }
    return let_go(b, held, done);
}

/* The first column after x whose value is another one; x is inside the row. */
static Py_ssize_t end_of_run(const char *row, Py_ssize_t width, Py_ssize_t itemsize, Py_ssize_t x) {
    uint32_t value = value_at(row, itemsize, x);
    uint64_t repeated = itemsize == 1 ? value * UINT64_C(0x0101010101010101) : value * UINT64_C(0x0001000100010001);
    Py_ssize_t step = 8 / itemsize;
    for (x++; x + step <= width; x += step) {
        uint64_t word;
        memcpy(&word, row + x * itemsize, 8);
        if (word != repeated) break;
    }
    while (x < width && value_at(row, itemsize, x) == value) x++;
    return x;
}

static PyObject *measure(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer b[3];
    (void)module;
    int held = hold(args, nargs, b, 3, 2), done = 0;
    if (held == 3) {
        const Py_buffer *index = &b[0], *areas = &b[1], *boxes = &b[2];
        if (areas->ndim != 1 || areas->itemsize != 8 || boxes->ndim != 2 || boxes->itemsize != 8 ||
            boxes->shape[0] != areas->shape[0] || boxes->shape[1] != 4) {
            PyErr_SetString(PyExc_TypeError, "measure wants uint8 or uint16 (H, W), int64 (V,), int64 (V, 4)");
        } else if (check_index(index, areas->shape[0]) == 0) {
            Py_ssize_t height = index->shape[0], width = index->shape[1];
            int64_t *area = areas->buf, *box = boxes->buf;
            Py_BEGIN_ALLOW_THREADS;
            for (Py_ssize_t y = 0; y < height; y++) {
                const char *row = (const char *)index->buf + y * width * index->itemsize;
                for (Py_ssize_t x = 0; x < width;) {
                    Py_ssize_t stop = end_of_run(row, width, index->itemsize, x);
                    uint32_t value = value_at(row, index->itemsize, x);
                    int64_t *mine = box + 4 * (Py_ssize_t)value;
                    area[value] += stop - x;
                    if (x < mine[0]) mine[0] = x;
                    if (y < mine[1]) mine[1] = y;
                    if (stop > mine[2]) mine[2] = stop;
                    if (y + 1 > mine[3]) mine[3] = y + 1;
                    x = stop;
                }
            }
            Py_END_ALLOW_THREADS;
            done = 1;
        }
    }
    return let_go(b, held, done);
}

#define METHOD(name, text) \
    { #name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, text }

static PyMethodDef methods[] = {
    METHOD(fill, "fill(points, offsets, values, index)\n--\n\nPaint polygons; see iddkit.raster.scanline."),
    METHOD(filter_rows, "filter_rows(index, table, rows)\n--\n\nWrite the rows of a PNG; see iddkit.raster.rows."),
    METHOD(measure, "measure(index, areas, boxes)\n--\n\nMeasure each value; see iddkit.raster.runs."),
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_pixels", "Loops over pixels, compiled.", 0,
                                    methods,               NULL,      NULL,                           NULL,
                                    NULL};

PyMODINIT_FUNC PyInit__pixels(void) { return PyModule_Create(&module); }
