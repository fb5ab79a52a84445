# Parses a source without running it.
# Part of the runner: `launch.ts` puts the parts together, in order, into one text.


DYNAMIC = {'exec', 'eval', 'globals', 'locals', 'vars', 'setattr', 'sys', '__import__', 'importlib'}


def defines_handler(tree):
    """False only if it is certain that no statement can bind `handler`."""
    import ast

    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name == 'handler':
                return True
        elif isinstance(node, ast.Name):
            if node.id == 'handler' or node.id in DYNAMIC:
                return True
        elif isinstance(node, ast.alias):
            name = node.asname or node.name.split('.')[0]
            if name in ('handler', '*') or name in DYNAMIC:
                return True
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name == 'handler':
            return True
        elif isinstance(node, ast.MatchMapping) and node.rest == 'handler':
            return True
        elif isinstance(node, ast.ExceptHandler) and node.name == 'handler':
            return True
    return False


def check(source):
    try:
        tree = compile(source, FILE, 'exec', 0x400, dont_inherit=True)
        if not defines_handler(tree):
            return {'ok': False, 'message': 'The source defines no handler.'}
        # Some errors ("return" outside a function) come from the compiler, after the parser.
        compile(source, FILE, 'exec', dont_inherit=True)
        return {'ok': True}
    except SyntaxError as error:
        out = {'ok': False, 'message': error.msg or 'invalid syntax'}
        if error.lineno:
            out['line'] = error.lineno
            out['column'] = max(error.offset or 1, 1)
        return out
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        return {'ok': False, 'message': '%s: %s' % (type(error).__name__, error)}
