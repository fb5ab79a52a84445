/** Any JSON value: what users bring, and what their code answers. */
import Type from 'typebox'

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export const json = (description: string) => Type.Unsafe<Json>({ description })
