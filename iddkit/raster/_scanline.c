/*
 * The 'cityscapes' fill rule, compiled. iddkit/raster/scanline.py states the rule and holds the same function in
 * NumPy; both give the same pixels (tests/test_raster_scanline.py).
 *
 * fill(points, offsets, values, index) paints polygons in order:
 *   points   int32 (M, 2): x, y
 *   offsets  int64 (K + 1): polygon k is points[offsets[k]:offsets[k + 1]]
 *   values   int64 (K): what polygon k paints
 *   index    uint8 or uint16 (H, W): painted in place
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

static PyObject *fill(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer b[4];
    int held = 0, done = 0;
    (void)module;
    if (nargs != 4) {
        PyErr_SetString(PyExc_TypeError, "fill takes 4 arguments: points, offsets, values, index");
        return NULL;
    }
    for (; held < 4; held++) {
        int flags = PyBUF_C_CONTIGUOUS | (held == 3 ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(args[held], &b[held], flags) < 0) break;
    }
    if (held == 4) done = check_fill(&b[0], &b[1], &b[2], &b[3]) == 0 && paint(&b[0], &b[1], &b[2], &b[3]) == 0;
    while (held > 0) PyBuffer_Release(&b[--held]);
    if (!done) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"fill", (PyCFunction)(void (*)(void))fill, METH_FASTCALL,
     "fill(points, offsets, values, index)\n--\n\nPaint polygons by the 'cityscapes' rule; see iddkit.raster.scanline."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_scanline", "The 'cityscapes' fill rule, compiled.", 0,
                                    methods,               NULL,        NULL,                                    NULL,
                                    NULL};

PyMODINIT_FUNC PyInit__scanline(void) { return PyModule_Create(&module); }
