/*
 * Pairs of bytes counted, compiled. iddkit/metrics/pairs.py holds the same in NumPy.
 *
 * count(first, second, counts)
 *   first, second   uint8 of one size, C order
 *   counts          int64 (256, 256), C order: how often each pair occurs is added, the first byte's number is the row
 *
 * Nearly all pixels of a label image are equal to their neighbours, so eight of them are looked at at once.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

static const uint64_t EACH = 0x0101010101010101u;

static uint64_t eight(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

static void count_bytes(const uint8_t *first, const uint8_t *second, Py_ssize_t size, int64_t *counts) {
    Py_ssize_t i = 0;
    for (; i + 8 <= size; i += 8) {
        if (eight(first + i) == EACH * first[i] && eight(second + i) == EACH * second[i]) {
            counts[256 * first[i] + second[i]] += 8;
        } else {
            for (Py_ssize_t k = i; k < i + 8; k++) counts[256 * first[k] + second[k]]++;
        }
    }
    for (; i < size; i++) counts[256 * first[i] + second[i]]++;
}

/* Whether the items of a buffer are of one of the types that `letters` names (those of Python's struct). */
static int holds(const Py_buffer *view, Py_ssize_t itemsize, const char *letters) {
    const char *format = view->format == NULL ? "B" : view->format;
    return view->itemsize == itemsize && strlen(format) == 1 && strchr(letters, format[0]) != NULL;
}

static PyObject *count(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer first, second, counts;
    int fits;
    (void)module;
    if (nargs != 3) {
        PyErr_SetString(PyExc_TypeError, "count takes 3 arguments: first, second, counts");
        return NULL;
    }
    if (PyObject_GetBuffer(args[0], &first, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) return NULL;
    if (PyObject_GetBuffer(args[1], &second, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
        PyBuffer_Release(&first);
        return NULL;
    }
    if (PyObject_GetBuffer(args[2], &counts, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&second);
        PyBuffer_Release(&first);
        return NULL;
    }
    /* NumPy calls an int64 long where a long has 8 bytes, and long long elsewhere. */
    fits = holds(&first, 1, "B") && holds(&second, 1, "B") && first.len == second.len && holds(&counts, 8, "lq") &&
           counts.len == 256 * 256 * 8;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS;
        count_bytes(first.buf, second.buf, first.len, counts.buf);
        Py_END_ALLOW_THREADS;
    } else {
        PyErr_SetString(PyExc_TypeError, "count wants two uint8 of one size and int64 (256, 256)");
    }
    PyBuffer_Release(&counts);
    PyBuffer_Release(&second);
    PyBuffer_Release(&first);
    if (!fits) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"count", (PyCFunction)(void (*)(void))count, METH_FASTCALL,
                                 "count(first, second, counts)\n--\n\nAdd how often each pair of bytes occurs."},
                                {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_pairs", "Pairs of bytes counted, compiled.", 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__pairs(void) { return PyModule_Create(&module); }
