/*
 * The rows of a PNG file of one byte a pixel, compiled. iddkit/statistics/decode.py holds the same for the filters
 * 'None' and 'Up' in NumPy, and counts with Pillow.
 *
 * unfilter(rows, pixels)
 *   rows     bytes (H * (W + 1)): each row is the number of its filter, then W filtered bytes
 *   pixels   uint8 (H, W), C order: written
 *
 * count(pixels, counts)
 *   pixels   uint8 (H, W), C order
 *   counts   int64 (256,): how many pixels have each number is added
 *
 * The filters are those of the PNG specification (third edition, section 9). In a label image nearly all filtered bytes
 * are zero and nearly all pixels are equal to the one above and to the left, so eight of them are done at once.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t EACH = 0x0101010101010101u;

static uint64_t eight(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

static void undo_sub(const uint8_t *row, uint8_t *here, Py_ssize_t width) {
    uint8_t left = 0;
    for (Py_ssize_t x = 0; x < width;) {
        if (x + 8 <= width && eight(row + x) == 0) {
            memset(here + x, left, 8);
            x += 8;
            continue;
        }
        left = here[x] = (uint8_t)(row[x] + left);
        x++;
    }
}

static void undo_average(const uint8_t *row, const uint8_t *above, uint8_t *here, Py_ssize_t width) {
    uint8_t left = 0;
    for (Py_ssize_t x = 0; x < width; x++) left = here[x] = (uint8_t)(row[x] + (left + above[x]) / 2);
}

static uint8_t predict(uint8_t left, uint8_t up, uint8_t corner) {
    int to_left = abs(up - corner), to_up = abs(left - corner), to_corner = abs(left + up - 2 * corner);
    if (to_left <= to_up && to_left <= to_corner) return left;
    return to_up <= to_corner ? up : corner;
}

static void undo_paeth(const uint8_t *row, const uint8_t *above, uint8_t *here, Py_ssize_t width) {
    uint8_t left = 0, corner = 0;
    for (Py_ssize_t x = 0; x < width;) {
        /* Where the row above goes on as it was, the prediction is the pixel to the left. */
        if (x + 8 <= width && eight(row + x) == 0 && eight(above + x) == EACH * corner) {
            memset(here + x, left, 8);
            x += 8;
            continue;
        }
        left = here[x] = (uint8_t)(row[x] + predict(left, above[x], corner));
        corner = above[x];
        x++;
    }
}

/* Returns 0, or -1 for a filter that does not exist. */
static int undo(const uint8_t *rows, uint8_t *pixels, const uint8_t *zeros, Py_ssize_t height, Py_ssize_t width) {
    const uint8_t *above = zeros;
    for (Py_ssize_t y = 0; y < height; y++) {
        const uint8_t *row = rows + y * (width + 1) + 1;
        uint8_t *here = pixels + y * width;
        switch (row[-1]) {
        case 0:
            memcpy(here, row, (size_t)width);
            break;
        case 1:
            undo_sub(row, here, width);
            break;
        case 2:
            for (Py_ssize_t x = 0; x < width; x++) here[x] = (uint8_t)(row[x] + above[x]);
            break;
        case 3:
            undo_average(row, above, here, width);
            break;
        case 4:
            undo_paeth(row, above, here, width);
            break;
        default:
            return -1;
        }
        above = here;
    }
    return 0;
}

static PyObject *unfilter(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer rows, pixels;
    int result = -1;
    (void)module;
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "unfilter takes 2 arguments: rows, pixels");
        return NULL;
    }
    if (PyObject_GetBuffer(args[0], &rows, PyBUF_C_CONTIGUOUS) < 0) return NULL;
    if (PyObject_GetBuffer(args[1], &pixels, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&rows);
        return NULL;
    }
    if (pixels.ndim != 2 || pixels.itemsize != 1 || rows.len != pixels.shape[0] * (pixels.shape[1] + 1)) {
        PyErr_SetString(PyExc_TypeError, "unfilter wants bytes (H * (W + 1)) and uint8 (H, W)");
    } else {
        Py_ssize_t height = pixels.shape[0], width = pixels.shape[1];
        uint8_t *zeros = PyMem_Calloc((size_t)width + 1, 1);
        if (zeros == NULL) {
            PyErr_NoMemory();
        } else {
            Py_BEGIN_ALLOW_THREADS;
            result = undo(rows.buf, pixels.buf, zeros, height, width);
            Py_END_ALLOW_THREADS;
            PyMem_Free(zeros);
            if (result < 0) PyErr_SetString(PyExc_ValueError, "a filter that does not exist");
        }
    }
    PyBuffer_Release(&pixels);
    PyBuffer_Release(&rows);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

static void count_bytes(const uint8_t *pixels, Py_ssize_t size, int64_t *counts) {
    Py_ssize_t i = 0;
    for (; i + 8 <= size; i += 8) {
        if (eight(pixels + i) == EACH * pixels[i]) {
            counts[pixels[i]] += 8;
        } else {
            for (Py_ssize_t k = i; k < i + 8; k++) counts[pixels[k]]++;
        }
    }
    for (; i < size; i++) counts[pixels[i]]++;
}

static PyObject *count(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer pixels, counts;
    int fits;
    (void)module;
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "count takes 2 arguments: pixels, counts");
        return NULL;
    }
    if (PyObject_GetBuffer(args[0], &pixels, PyBUF_C_CONTIGUOUS) < 0) return NULL;
    if (PyObject_GetBuffer(args[1], &counts, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&pixels);
        return NULL;
    }
    fits = pixels.itemsize == 1 && counts.itemsize == 8 && counts.len == 256 * 8;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS;
        count_bytes(pixels.buf, pixels.len, counts.buf);
        Py_END_ALLOW_THREADS;
    } else {
        PyErr_SetString(PyExc_TypeError, "count wants uint8 (H, W) and int64 (256,)");
    }
    PyBuffer_Release(&counts);
    PyBuffer_Release(&pixels);
    if (!fits) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"unfilter", (PyCFunction)(void (*)(void))unfilter, METH_FASTCALL,
                                 "unfilter(rows, pixels)\n--\n\nUndo the filters of a PNG file's rows."},
                                {"count", (PyCFunction)(void (*)(void))count, METH_FASTCALL,
                                 "count(pixels, counts)\n--\n\nAdd how many pixels have each number."},
                                {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_unfilter", "The rows of a PNG file, compiled.", 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__unfilter(void) { return PyModule_Create(&module); }
