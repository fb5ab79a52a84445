import assert from 'node:assert/strict'
import { test } from 'node:test'
import { searchedWords, searchQuery } from '#projections/searched-words.ts'

test('a text is its words, and where they are not spaced its characters', () => {
  const expected: [text: string, words: string][] = [
    ['Doc-001/Part_2: 0.55!', 'doc 001 part 2 0 55'],
    ['吾輩は猫である。', '吾 輩 は 猫 で あ る'],
    ['ﾃｷｽﾄ データー', 'テ キ ス ト デ ー タ ー'],
    ['한국어 문서', '한 국 어 문 서'],
    // Its last sign is two, as NFKC has it.
    ['น้ำ', 'น้\u0e4d \u0e32'],
    ['ch1第2章', 'ch1 第 2 章'],
    ['Ünïcode ΣΊΣΥΦΟΣ हिन्दी', 'ünïcode σίσυφος हिन्दी'],
    ['\0\ud800"\'\\', ''],
    ['a'.repeat(500), 'a'.repeat(200)],
  ]
  for (const [text, words] of expected) {
    assert.equal(searchedWords(text), words, text)
  }
})

test('a query asks for all words, each as it stands or begun', () => {
  assert.equal(searchQuery('Too  small'), "('too':*) & ('small':*)")
  assert.equal(searchQuery('chunk-1 漱石'), "('chunk' <-> '1':*) & ('漱' <-> '石':*)")
  assert.equal(searchQuery(`' | ! & <-> :* \\ \0`), undefined)
  assert.equal(searchQuery(''), undefined)
})
