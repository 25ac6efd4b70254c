/**
 * The questions of `fusebert demo`, with passages written for it and the expected answers.
 */

export interface DemoQuestion {
  /** The feature that this question demonstrates. */
  readonly shows: string;
  readonly question: string;
  readonly context: string;
  /** Undefined where the passage holds no answer. */
  readonly expected: string | undefined;
}

const frankenstein = `Frankenstein; or, The Modern Prometheus is an 1818 Gothic novel by the English author Mary Shelley. \
Shelley began to write it in the summer of 1816, when she was eighteen years old, during a stay near Geneva with Percy \
Shelley and Lord Byron. Constant rain kept the company indoors, and Byron proposed that each of them write a ghost story. \
The first edition was published anonymously in London; her name first appeared in the second edition, printed in Paris in \
1821.`;

const amazon = `The Amazon rainforest covers most of the Amazon basin of South America. This basin encompasses 7,000,000 \
square kilometres, of which 5,500,000 square kilometres are covered by the rainforest. The majority of the forest, about 60 \
percent, lies within Brazil, followed by Peru with 13 percent and Colombia with 10 percent. The region is home to an \
estimated 390 billion individual trees divided into 16,000 species. More than a third of all species in the world live \
there.`;

const apollo = `Apollo 11 was the mission that first landed humans on the Moon. Commander Neil Armstrong and lunar module \
pilot Buzz Aldrin landed the module Eagle on July 20, 1969, at 20:17 UTC. Armstrong became the first person to step onto \
the lunar surface six hours and thirty-nine minutes later. Michael Collins flew the command module Columbia alone in lunar \
orbit while his companions were on the surface. They brought back 21.5 kilograms of lunar material to Earth.`;

const penicillin = `In September 1928 the Scottish physician Alexander Fleming returned to his laboratory at St Mary's \
Hospital in London from a holiday. On one of the culture plates he had left on a bench, a mould had grown, and around it the \
bacteria had died. Fleming identified the mould as a member of the genus Penicillium and called the substance it released \
penicillin. It was left to Howard Florey and Ernst Chain at Oxford to turn it into a medicine. The three shared the Nobel \
Prize in Physiology or Medicine in 1945.`;

const printing = `Around 1440 Johannes Gutenberg, a goldsmith in Mainz, began to experiment with movable metal type. His \
press was adapted from the screw presses used to make wine and paper, and his ink was based on oil, so that it would stick \
to metal. The Bible he finished in 1455 was printed in about 180 copies, most of them on paper and some on vellum. Within \
fifty years more than two hundred cities in Europe had a printing press, and some twenty million books had been printed.`;

const letter = `Dear José 👋🏽,

the café in Zürich is called “Größenwahn” ☕️ and opens at nine.
Wolfgang — you remember him from Kraków —\tmoved last year:\r\n\r\nhe now lives in Łódź 🇵🇱, near the old factory.

See you soon! 😀
Zoë`;

export const demoQuestions: readonly DemoQuestion[] = [
  {
    shows: "a question and a passage",
    question: "When did Shelley begin to write the novel?",
    context: frankenstein,
    expected: "summer of 1816",
  },
  {
    shows: "numbers",
    question: "How many tree species are in the rainforest?",
    context: amazon,
    expected: "16,000",
  },
  {
    shows: "a text that is read in several windows",
    question: "Who flew the command module Columbia?",
    context: [frankenstein, amazon, printing, penicillin, apollo].join("\n\n"),
    expected: "Michael Collins",
  },
  {
    shows: "accents, emoji and line breaks: the answer is still a piece of the text",
    question: "Where does Wolfgang live now?",
    context: letter,
    expected: "Łódź",
  },
  {
    shows: "a text that does not hold the answer",
    question: "Who invented the telephone?",
    context: amazon,
    expected: undefined,
  },
];
