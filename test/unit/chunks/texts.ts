/**
 * Whole chunks in several scripts. From texts in the public domain: Tolstoy (Anna Karenina), Soseki
 * (I Am a Cat), Laozi, Yun Dong-ju, the Universal Declaration of Human Rights; the rest is our own.
 */
export const WHOLE = {
  english:
    'The harvest mouse builds its nest high among the stalks of wheat. It weaves the living blades together, so that the nest stays green and hidden. When the corn is cut the mouse moves to the hedge, where it spends the winter below the roots.',
  russian:
    'Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. Все смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею в их доме француженкою-гувернанткой.',
  arabic:
    'يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء.',
  chinese:
    '千里之行，始于足下。合抱之木，生于毫末；九层之台，起于累土。为者败之，执者失之。是以圣人无为故无败，无执故无失。',
  japanese:
    '吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。',
  korean:
    '죽는 날까지 하늘을 우러러 한 점 부끄럼이 없기를, 잎새에 이는 바람에도 나는 괴로워했다. 별을 노래하는 마음으로 모든 죽어 가는 것을 사랑해야지.',
  thai: 'มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ',
  code: 'export function add(a: number, b: number): number {\n  const sum = a + b\n  return sum\n}',
  table: '| Name | Age |\n|---|---|\n| Ann Smith | 31 |\n| Bob Jones | 42 |\n| Cid Brown | 53 |',
  list: '- Mix the flour with the water and the salt.\n- Let it rest for an hour in a warm place.\n- Bake it until the crust is brown.',
} as const

export const BROKEN = {
  'cut at both ends':
    'stays green and hidden. When the corn is cut the mouse moves to the hedge, where it spends the winter below the roots of the old thorn and the',
  mojibake: 'The cafÃ© was closed â€” it wasnâ€™t open. Ã©tait fermÃ© aprÃ¨s midi Ã  Paris.',
  'replacement characters': 'The \uFFFD\uFFFD was cl\uFFFDsed, and nobody knew wh\uFFFD it was.',
  base64:
    'VGhlIGhhcnZlc3QgbW91c2UgYnVpbGRzIGl0cyBuZXN0IGhpZ2ggYW1vbmcgdGhlIHN0YWxrcyBvZiB3aGVhdC4gSXQgd2VhdmVz',
  addresses: 'https://example.org/a/b https://example.org/d/e https://example.org/g/h/i',
  'a cookie banner':
    'We use cookies to improve your experience. By clicking accept you agree to our privacy policy and our terms of use.',
  'a menu': 'Home\nProducts\nAbout us\nContact\nBlog\nCareers\nLogin',
  numbers: '1832 2391 2938 9182 3981 2398 1209 3810 2983 1092 8301 9283',
} as const
