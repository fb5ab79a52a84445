// The user's source: how it is compiled, what it may load, which handler it means.
// Part of the runner: `launch.ts` puts the parts together, in order, into one text.
'use strict'

const parameters = ['exports', 'require', 'module', '__filename', '__dirname']
const ending = '\n;return typeof handler === "undefined" ? undefined : handler'

function compileCommon(source, suffix = ending, lineOffset = 0) {
  return vm.compileFunction(source + suffix, parameters, {
    filename: FILE,
    lineOffset,
    importModuleDynamically: linkBuiltin,
  })
}

const moduleEnding = '\n;export { handler as "sluice handler" }'

function compileModule(source) {
  const options = { identifier: FILE, importModuleDynamically: linkBuiltin }
  try {
    return new vm.SourceTextModule(source + moduleEnding, options)
  } catch {
    return new vm.SourceTextModule(source, options)
  }
}

/** Compiles without running: a script first, as a module if only that parses. */
function compile(source) {
  try {
    return { common: compileCommon(source) }
  } catch {
    // The ending may be what does not parse; the source alone gives the better message.
  }
  try {
    return { common: compileCommon(source, '') }
  } catch (error) {
    try {
      return { module: compileModule(source) }
    } catch (moduleError) {
      const isModule = /import|export|await|module/.test(error.message)
      if (!isModule) throw error
      throw placeModuleError(source, moduleError)
    }
  }
}

/** V8 tells no place for an error in a module; the same text without its exports has one. */
function placeModuleError(source, moduleError) {
  const blank = (text) => text.replace(/[^\n]/g, ' ')
  const script = source
    // Always matches, with or without the module's name: what has been looked at is never looked at
    // again, so that the time is linear in a source made of imports that never end.
    .replace(/^[ \t]*import\b[^;'"]*((['"])[^'"\n]*\2)?/gm, (text, name) =>
      name === undefined ? text : blank(text),
    )
    .replace(/^[ \t]*export(?:[ \t]+default\b(?![ \t]+(?:async|function|class)))?/gm, blank)
  try {
    compileCommon(`"use strict"\n${script}`, '', -1)
  } catch (error) {
    if (error.message === moduleError.message) return error
  }
  return moduleError
}

function requireBuiltin(name) {
  const found = process.getBuiltinModule(String(name))
  if (found !== undefined) return found
  const error = new Error(`Cannot find module '${name}': only Node's own modules are available`)
  error.code = 'MODULE_NOT_FOUND'
  throw error
}

async function linkBuiltin(name) {
  const found = requireBuiltin(name)
  const names = [...new Set(['default', ...keys(found)])]
  const linked = new vm.SyntheticModule(
    names,
    function () {
      for (const each of names) this.setExport(each, each === 'default' ? found : found[each])
    },
    { identifier: name },
  )
  await linked.link(() => {})
  await linked.evaluate()
  return linked
}

const noHandler =
  'The source defines no handler: write "function handler(event) {…}" or export one.'

function pick(...candidates) {
  for (const candidate of candidates) if (typeof candidate === 'function') return candidate
  throw new Refused(noHandler)
}

/** The handler, or a promise of it if the source is a module. */
function load(source) {
  const { common, module } = compile(source)
  if (common !== undefined) {
    const own = { exports: {} }
    const declared = apply(common, own.exports, [own.exports, requireBuiltin, own, FILE, '/'])
    const exported = own.exports
    return pick(exported?.handler, exported?.default, exported, declared)
  }
  return (async () => {
    await module.link(linkBuiltin)
    await module.evaluate()
    const { namespace } = module
    const handler = (name) => (name in namespace ? namespace[name] : undefined)
    const byDefault = handler('default')
    return pick(handler('handler'), byDefault?.handler, byDefault, handler('sluice handler'))
  })()
}

function check(source) {
  try {
    compile(source)
  } catch (error) {
    const { message, line, column } = describe(error, 'error')
    return { ok: false, message, line, column }
  }
  // Certain only if none of the words is there that could make a handler.
  if (!/handler|export|module|this|eval|Function|globalThis|\\u|constructor/.test(source)) {
    return { ok: false, message: 'The source defines no handler.' }
  }
  return { ok: true }
}
