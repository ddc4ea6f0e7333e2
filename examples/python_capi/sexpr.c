/* A parser of nested lists, such as "(add 1 (mul 2 3))", that pauses until more input arrives.
 *
 * It is an ordinary recursive parser: its whole state is in C variables. Where the input ends too
 * early, read_piece() switches to the parent of the running tealet. The parent switches back with
 * the next piece. No other function has code for that.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <tealet/tealet_python.h>

/* The position in the input. It is on the C stack of the tealet, so no other tealet may get a
 * pointer to it.
 */
typedef struct {
  PyObject* piece; /* bytes; strong */
  const char* next;
  const char* end;
} input_t;

/* Makes `piece` the input, and steals the reference. */
static int begin_piece(input_t* input, PyObject* piece) {
  if (!PyBytes_Check(piece)) {
    PyErr_Format(PyExc_TypeError, "a piece of text must be bytes, not %R", piece);
    Py_DECREF(piece);
    return -1;
  }
  if (PyBytes_GET_SIZE(piece) == 0) {
    PyErr_SetString(PyExc_ValueError, "the text ends in the middle of a list");
    Py_DECREF(piece);
    return -1;
  }
  Py_XSETREF(input->piece, piece);
  input->next = PyBytes_AS_STRING(piece);
  input->end = input->next + PyBytes_GET_SIZE(piece);
  return 0;
}

/* Pauses until the next piece arrives. Returns a new reference, or NULL with an exception set:
 * TealetExit if the tealet is closed while it is paused.
 */
static PyObject* read_piece(void) {
  PyObject* tealet = PyTealet_Current(NULL);
  PyObject* parent = NULL;
  if (PyTealet_Check(tealet) && !PyTealet_CheckMain(tealet)) parent = PyTealet_Parent(tealet);
  Py_XDECREF(tealet); /* held across the switch, it would keep the tealet alive */
  if (parent == NULL) {
    if (!PyErr_Occurred()) {
      PyErr_SetString(PyExc_ValueError, "the text ends early, and no tealet can wait for more");
    }
    return NULL;
  }
  PyObject* piece = PyTealet_Switch(parent, NULL);
  Py_DECREF(parent);
  return piece;
}

/* The next character, or -1 with an exception set. */
static int next_char(input_t* input) {
  if (input->next == input->end) {
    PyObject* piece = read_piece();
    if (piece == NULL || begin_piece(input, piece) < 0) return -1;
  }
  return (unsigned char)*input->next++;
}

/* The next character that is not white space, or -1 with an exception set. */
static int next_visible(input_t* input) {
  int c = next_char(input);
  while (c == ' ' || c == '\n' || c == '\r' || c == '\t') c = next_char(input);
  return c;
}

/* The word that begins with `c`. A piece may end inside it, so its bytes are collected here. */
static PyObject* parse_word(input_t* input, int c) {
  char text[256];
  Py_ssize_t length = 0;
  while (c != ' ' && c != '\n' && c != '\r' && c != '\t' && c != '(' && c != ')') {
    if (c < 0) return NULL;
    if (length == (Py_ssize_t)sizeof text) {
      PyErr_Format(PyExc_ValueError, "a word of more than %zd bytes", length);
      return NULL;
    }
    text[length++] = (char)c;
    c = next_char(input);
  }
  input->next--; /* `c` is not part of the word */
  return PyUnicode_FromStringAndSize(text, length);
}

/* The items of a list whose opening parenthesis has been read, up to the closing one. */
static PyObject* parse_list(input_t* input) {
  if (Py_EnterRecursiveCall(" in a nested list")) return NULL;
  PyObject* list = PyList_New(0);
  while (list != NULL) {
    const int c = next_visible(input);
    if (c == ')') break;
    PyObject* item = NULL;
    if (c >= 0) item = c == '(' ? parse_list(input) : parse_word(input, c);
    if (item == NULL || PyList_Append(list, item) < 0) Py_CLEAR(list);
    Py_XDECREF(item);
  }
  Py_LeaveRecursiveCall();
  return list;
}

static PyObject* parse(PyObject* module, PyObject* piece) {
  (void)module;
  input_t input = {NULL, NULL, NULL};
  Py_INCREF(piece);
  if (begin_piece(&input, piece) < 0) return NULL;
  PyObject* list = NULL;
  const int c = next_visible(&input);
  if (c == '(') {
    list = parse_list(&input);
  } else if (c >= 0) {
    PyErr_Format(PyExc_ValueError, "a list begins with '(', not with '%c'", c);
  }
  Py_DECREF(input.piece);
  return list;
}

static PyMethodDef functions[] = {
    {"parse", parse, METH_O,
     "parse($module, piece, /)\n--\n\n"
     "Return the list that begins in ``piece`` as a list of words and lists.\n\n"
     "If the list does not end in ``piece``, the call switches to the parent of the running\n"
     "tealet, and continues with the piece that is passed back. An empty piece means the end of\n"
     "the text."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "sexpr",
    "A parser that waits for its input.",
    -1,
    functions,
    NULL,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC PyInit_sexpr(void) {
  if (PyTealet_Import() < 0) return NULL;
  return PyModule_Create(&definition);
}
