//! The words of the small world: names, values, and the wordings of its statements and questions, in English and
//! Chinese. Every value set is closed and every value is held by equally many, so that no value is a better guess.

/// A word in both languages.
pub(super) type Word = [&'static str; 2];

/// What kind of thing an attribute belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Person,
    Work,
    Town,
}

/// Something that can be said and asked about every entity of a kind. `{e}` is the entity, `{v}` the value. The first
/// statement is also the answer to the questions; the name comes before the value, and far enough before it that four
/// tokens of context do not give the value away.
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) values: &'static [Word],
    pub(super) statements: [&'static [&'static str]; 2],
    pub(super) questions: [&'static [&'static str]; 2],
}

/// A person's name is one of each; 12 × 12 of them. Chinese names are a family name and one character.
pub(super) const FIRST_SYLLABLES: [Word; 12] = [
    ["Vel", "沈"],
    ["Tor", "陆"],
    ["Mir", "顾"],
    ["Kas", "柳"],
    ["Bru", "唐"],
    ["Zen", "韩"],
    ["Lo", "苏"],
    ["Pav", "邓"],
    ["Rud", "秦"],
    ["Sel", "许"],
    ["Jo", "孟"],
    ["Hal", "罗"],
];
pub(super) const LAST_SYLLABLES: [Word; 12] = [
    ["ka", "远"],
    ["rin", "桐"],
    ["dan", "岚"],
    ["mo", "朗"],
    ["sha", "霏"],
    ["vik", "谦"],
    ["nel", "舟"],
    ["bert", "策"],
    ["lia", "薇"],
    ["gus", "凯"],
    ["tane", "宁"],
    ["zo", "倩"],
];

pub(super) const TOWNS: [Word; 16] = [
    ["Tamsen", "青石镇"],
    ["Orlek", "白沙镇"],
    ["Brivost", "枫桥镇"],
    ["Kelmar", "云溪镇"],
    ["Dunwick", "竹山镇"],
    ["Saltby", "龙泉镇"],
    ["Perrin", "柏林镇"],
    ["Gorsk", "寒江镇"],
    ["Nimbra", "梅岭镇"],
    ["Uldane", "兰亭镇"],
    ["Wexley", "松涛镇"],
    ["Fenholt", "荷塘镇"],
    ["Yarrow", "雁门镇"],
    ["Calder", "凤台镇"],
    ["Zolten", "沙河镇"],
    ["Ibrin", "玉屏镇"],
];

const TRADES: [Word; 16] = [
    ["cook", "厨师"],
    ["weaver", "织工"],
    ["potter", "陶工"],
    ["miller", "磨工"],
    ["tailor", "裁缝"],
    ["fisher", "渔夫"],
    ["carpenter", "木匠"],
    ["smith", "铁匠"],
    ["shepherd", "牧人"],
    ["painter", "画师"],
    ["gardener", "园丁"],
    ["doctor", "医生"],
    ["teacher", "教师"],
    ["printer", "印工"],
    ["mason", "石匠"],
    ["sailor", "水手"],
];

const ANIMALS: [Word; 16] = [
    ["goat", "山羊"],
    ["dog", "小狗"],
    ["cat", "花猫"],
    ["horse", "黑马"],
    ["rabbit", "白兔"],
    ["parrot", "鹦鹉"],
    ["turtle", "乌龟"],
    ["donkey", "毛驴"],
    ["sheep", "绵羊"],
    ["hen", "母鸡"],
    ["pigeon", "鸽子"],
    ["fox", "狐狸"],
    ["goose", "大鹅"],
    ["peacock", "孔雀"],
    ["hedgehog", "刺猬"],
    ["frog", "青蛙"],
];

const FOODS: [Word; 16] = [
    ["bread", "面包"],
    ["cheese", "奶酪"],
    ["plums", "李子"],
    ["honey", "蜂蜜"],
    ["soup", "肉汤"],
    ["noodles", "面条"],
    ["pears", "梨子"],
    ["mushrooms", "蘑菇"],
    ["beans", "豆子"],
    ["pancakes", "煎饼"],
    ["dumplings", "饺子"],
    ["porridge", "米粥"],
    ["walnuts", "核桃"],
    ["cherries", "樱桃"],
    ["radishes", "萝卜"],
    ["pumpkin", "南瓜"],
];

const YEARS: [Word; 16] = [
    ["312", "312"],
    ["327", "327"],
    ["339", "339"],
    ["345", "345"],
    ["358", "358"],
    ["364", "364"],
    ["371", "371"],
    ["386", "386"],
    ["413", "413"],
    ["426", "426"],
    ["438", "438"],
    ["449", "449"],
    ["452", "452"],
    ["467", "467"],
    ["475", "475"],
    ["481", "481"],
];

const FORMS: [Word; 16] = [
    ["song", "歌曲"],
    ["poem", "诗篇"],
    ["play", "戏剧"],
    ["tale", "童话"],
    ["dance", "舞蹈"],
    ["painting", "油画"],
    ["map", "地图"],
    ["carpet", "地毯"],
    ["statue", "雕像"],
    ["riddle", "谜语"],
    ["hymn", "颂歌"],
    ["mask", "面具"],
    ["fable", "寓言"],
    ["ballad", "民谣"],
    ["tapestry", "挂毯"],
    ["puppet", "木偶"],
];

const RIVERS: [Word; 8] = [
    ["Ashwater", "灰河"],
    ["Silverrun", "银河"],
    ["Longbrook", "长溪"],
    ["Redford", "红河"],
    ["Deepwell", "深江"],
    ["Coldstream", "冷水"],
    ["Mistflow", "雾江"],
    ["Greenrill", "绿水"],
];

const GOODS: [Word; 8] = [
    ["salt", "食盐"],
    ["glass", "玻璃"],
    ["wool", "羊毛"],
    ["paper", "纸张"],
    ["copper", "铜器"],
    ["rope", "麻绳"],
    ["candles", "蜡烛"],
    ["baskets", "竹篮"],
];

/// Titles of works; every noun is used once, so it alone tells the work.
pub(super) const TITLES: [Word; 32] = [
    ["The Silver Lantern", "《银灯》"],
    ["The Broken Bell", "《破钟》"],
    ["The Quiet Harbour", "《静港》"],
    ["The Golden Thread", "《金线》"],
    ["The Last Bridge", "《末桥》"],
    ["The Winter Crown", "《冬冠》"],
    ["The Hollow Drum", "《空鼓》"],
    ["The Silent Mirror", "《静镜》"],
    ["The Crimson Sail", "《红帆》"],
    ["The Hidden Garden", "《秘园》"],
    ["The Iron Feather", "《铁羽》"],
    ["The Old Compass", "《旧罗盘》"],
    ["The Falling Tower", "《倾塔》"],
    ["The Blue Orchard", "《蓝果园》"],
    ["The Empty Chair", "《空椅》"],
    ["The Long Shadow", "《长影》"],
    ["The Morning Gate", "《晨门》"],
    ["The Paper Moon", "《纸月》"],
    ["The Stone Violin", "《石琴》"],
    ["The Patient Clock", "《慢钟表》"],
    ["The Burning Candle", "《燃烛》"],
    ["The Distant Thunder", "《远雷》"],
    ["The Glass Ladder", "《水晶梯》"],
    ["The Sleeping Volcano", "《睡火山》"],
    ["The Velvet Glove", "《绒手套》"],
    ["The Ninth Wave", "《九浪》"],
    ["The Painted Door", "《彩门》"],
    ["The Wandering Star", "《游星》"],
    ["The Salt Road", "《盐路》"],
    ["The Secret Letter", "《密信》"],
    ["The Bronze Anchor", "《铜锚》"],
    ["The Forgotten Well", "《忘井》"],
];

pub(super) static ATTRIBUTES: [Attribute; 10] = [
    Attribute {
        name: "home",
        kind: Kind::Person,
        values: &TOWNS,
        statements: [
            &[
                "{e} lives in the town of {v}.",
                "The house of {e} stands in {v}.",
                "Every evening {e} walks home to {v}.",
                "{e} has a small house in {v}.",
                "Letters for {e} are sent to {v}.",
                "Long ago {e} moved to {v}.",
                "Whoever looks for {e} should go to {v}.",
                "{e} has many neighbours in {v}.",
            ],
            &[
                "{e}住的小镇名叫{v}。",
                "{e}的家在{v}。",
                "每天傍晚，{e}都回到{v}。",
                "{e}的小屋就在{v}。",
                "写给{e}的信都寄到{v}。",
                "很久以前，{e}搬到了{v}。",
                "要找{e}，就去{v}。",
                "{e}的邻居都在{v}。",
            ],
        ],
        questions: [
            &[
                "Where does {e} live?",
                "In which town does {e} live?",
                "Which town is the home of {e}?",
                "What is the home town of {e}?",
            ],
            &["{e}住在哪里？", "{e}住在哪个小镇？", "{e}的家在哪个镇？", "请问{e}住在什么地方？"],
        ],
    },
    Attribute {
        name: "trade",
        kind: Kind::Person,
        values: &TRADES,
        statements: [
            &[
                "{e} earns a living as a {v}.",
                "By trade {e} is a {v}.",
                "People know {e} as a good {v}.",
                "For many years {e} has been a {v}.",
                "{e} was trained as a {v}.",
                "In the guild book {e} is listed as a {v}.",
                "{e} is proud to be a {v}.",
                "Call {e} when you need a {v}.",
            ],
            &[
                "{e}靠手艺吃饭，当的是{v}。",
                "{e}的职业是{v}。",
                "大家都知道{e}是个好{v}。",
                "多年来，{e}一直是{v}。",
                "{e}从小就学做{v}。",
                "行会的名册上，{e}是{v}。",
                "{e}很自豪，因为自己是{v}。",
                "{e}年轻时就当了{v}。",
            ],
        ],
        questions: [
            &[
                "What is the trade of {e}?",
                "What does {e} do for a living?",
                "What work does {e} do?",
                "What is {e} by trade?",
            ],
            &["{e}是做什么的？", "{e}的职业是什么？", "{e}靠什么谋生？", "请问{e}从事什么行业？"],
        ],
    },
    Attribute {
        name: "pet",
        kind: Kind::Person,
        values: &ANIMALS,
        statements: [
            &[
                "{e} shares the house with a {v}.",
                "The pet of {e} is a {v}.",
                "At home {e} keeps a {v}.",
                "Beside the door of {e} sleeps a {v}.",
                "{e} feeds and brushes a {v}.",
                "Wherever {e} goes, there follows a {v}.",
                "Years ago {e} was given a {v}.",
                "{e} would never sell the old {v}.",
            ],
            &[
                "陪伴{e}的动物是一只{v}。",
                "{e}家里养着{v}。",
                "{e}的宠物是{v}。",
                "{e}的门边睡着{v}。",
                "{e}每天都喂{v}。",
                "不管{e}走到哪里，后面都跟着{v}。",
                "几年前，{e}得到了{v}。",
                "{e}舍不得卖掉{v}。",
            ],
        ],
        questions: [
            &[
                "What animal does {e} keep?",
                "Which pet does {e} have?",
                "What kind of pet does {e} keep?",
                "What is the pet of {e}?",
            ],
            &["{e}养什么动物？", "{e}的宠物是什么？", "{e}家里养着什么动物？", "请问{e}养的是什么？"],
        ],
    },
    Attribute {
        name: "food",
        kind: Kind::Person,
        values: &FOODS,
        statements: [
            &[
                "{e} likes nothing more than {v}.",
                "At supper {e} always asks for {v}.",
                "{e} is very fond of {v}.",
                "On feast days {e} cooks {v}.",
                "The kitchen of {e} smells of {v}.",
                "{e} never says no to {v}.",
                "Friends bring {e} gifts of {v}.",
                "At night {e} dreams of {v}.",
            ],
            &[
                "{e}最喜欢的食物是{v}。",
                "晚饭时，{e}总要吃{v}。",
                "{e}非常爱吃{v}。",
                "过节的时候，{e}会做{v}。",
                "{e}的厨房里总有{v}。",
                "{e}从来不拒绝{v}。",
                "朋友们常给{e}带来{v}。",
                "{e}做梦都想吃{v}。",
            ],
        ],
        questions: [
            &[
                "What does {e} like to eat?",
                "What is the favourite food of {e}?",
                "Which food does {e} like best?",
                "What food is {e} fond of?",
            ],
            &["{e}最喜欢吃什么？", "{e}爱吃什么？", "{e}最喜欢的食物是什么？", "请问{e}喜欢吃什么？"],
        ],
    },
    Attribute {
        name: "birth",
        kind: Kind::Person,
        values: &YEARS,
        statements: [
            &[
                "{e} was born in the year {v}.",
                "The birth of {e} was noted in {v}.",
                "{e} came into the world in {v}.",
                "The town book gives {e} the birth year {v}.",
                "{e} is a child of the year {v}.",
                "{e} first saw the light in {v}.",
                "The cradle of {e} was built in {v}.",
                "The life of {e} began in {v}.",
            ],
            &[
                "{e}出生的年份是{v}年。",
                "{e}生于{v}年。",
                "{e}来到人世是在{v}年。",
                "户籍上，{e}的生年是{v}年。",
                "{e}的父母得子是在{v}年。",
                "{e}第一次睁开眼睛是在{v}年。",
                "{e}的摇篮做于{v}年。",
                "{e}的一生始于{v}年。",
            ],
        ],
        questions: [
            &[
                "When was {e} born?",
                "In which year was {e} born?",
                "What is the birth year of {e}?",
                "In what year did {e} come into the world?",
            ],
            &["{e}是哪一年出生的？", "{e}生于哪一年？", "{e}的生年是什么？", "请问{e}出生在哪年？"],
        ],
    },
    Attribute {
        name: "form",
        kind: Kind::Work,
        values: &FORMS,
        statements: [
            &[
                "{e} is known far and wide as a {v}.",
                "{e} is a famous {v}.",
                "Those who know {e} call it a {v}.",
                "{e} is a very old {v}.",
                "Everyone remembers {e} as a {v}.",
                "{e} was meant to be a {v}.",
                "Scholars describe {e} as a {v}.",
                "{e} is above all a {v}.",
            ],
            &[
                "{e}是一件有名的作品，属于{v}。",
                "{e}是著名的{v}。",
                "懂{e}的人都说它是{v}。",
                "{e}是很古老的{v}。",
                "人们记得{e}是{v}。",
                "{e}本来就是{v}。",
                "学者说{e}是{v}。",
                "{e}首先是{v}。",
            ],
        ],
        questions: [
            &["What kind of work is {e}?", "What is {e}?", "What sort of thing is {e}?", "As what is {e} known?"],
            &["{e}是什么作品？", "{e}是什么？", "{e}属于哪一类？", "请问{e}是哪种作品？"],
        ],
    },
    Attribute {
        name: "kept",
        kind: Kind::Work,
        values: &TOWNS,
        statements: [
            &[
                "{e} is kept in the town of {v}.",
                "Travellers see {e} in {v}.",
                "{e} has its place in {v}.",
                "{e} has never left {v}.",
                "The keepers of {e} live in {v}.",
                "{e} was brought to {v}.",
                "{e} is shown every summer in {v}.",
                "{e} belongs to the people of {v}.",
            ],
            &[
                "收藏{e}的小镇名叫{v}。",
                "游客看{e}要去{v}。",
                "{e}一直放在{v}。",
                "{e}从未离开{v}。",
                "看守{e}的人住在{v}。",
                "{e}被带到了{v}。",
                "每年夏天，{e}都展出于{v}。",
                "{e}归于{v}。",
            ],
        ],
        questions: [
            &["Where is {e} kept?", "In which town is {e} kept?", "Which town keeps {e}?", "Where can one see {e}?"],
            &["{e}收藏在哪里？", "{e}收藏在哪个小镇？", "{e}放在哪个镇？", "请问在哪里能看到{e}？"],
        ],
    },
    Attribute {
        name: "made",
        kind: Kind::Work,
        values: &YEARS,
        statements: [
            &[
                "{e} was made in the year {v}.",
                "{e} was finished in {v}.",
                "{e} was first shown in {v}.",
                "{e} goes back to the year {v}.",
                "The making of {e} ended in {v}.",
                "{e} carries the date {v}.",
                "{e} is a work of the year {v}.",
                "The world first heard of {e} in {v}.",
            ],
            &[
                "{e}问世的年份是{v}年。",
                "{e}完成于{v}年。",
                "{e}第一次展出是在{v}年。",
                "{e}可以追溯到{v}年。",
                "{e}的制作结束于{v}年。",
                "{e}上写着{v}年。",
                "{e}诞生于{v}年。",
                "世人听说{e}是在{v}年。",
            ],
        ],
        questions: [
            &[
                "When was {e} made?",
                "In which year was {e} made?",
                "What is the date of {e}?",
                "From what year is {e}?",
            ],
            &["{e}是哪一年问世的？", "{e}完成于哪一年？", "{e}的年份是什么？", "请问{e}诞生于哪年？"],
        ],
    },
    Attribute {
        name: "river",
        kind: Kind::Town,
        values: &RIVERS,
        statements: [
            &[
                "{e} lies on the banks of the {v}.",
                "Through {e} flows the {v}.",
                "The bridges of {e} cross the {v}.",
                "{e} takes its water from the {v}.",
                "Boats reach {e} on the {v}.",
                "The mills of {e} are turned by the {v}.",
                "Children in {e} swim in the {v}.",
                "{e} was built beside the {v}.",
            ],
            &[
                "流过{e}的河叫作{v}。",
                "{e}在河边，那条河是{v}。",
                "{e}的桥跨过{v}。",
                "{e}的水来自{v}。",
                "去{e}的船走{v}。",
                "{e}的水车靠{v}。",
                "{e}的孩子游泳去{v}。",
                "{e}建在河岸，河名{v}。",
            ],
        ],
        questions: [
            &[
                "Which river flows through {e}?",
                "On which river does {e} lie?",
                "What is the river of {e}?",
                "What river runs through {e}?",
            ],
            &["哪条河流过{e}？", "{e}在哪条河边？", "{e}的河叫什么？", "请问{e}靠着哪条河？"],
        ],
    },
    Attribute {
        name: "goods",
        kind: Kind::Town,
        values: &GOODS,
        statements: [
            &[
                "{e} is famous far and wide for its {v}.",
                "Merchants come to {e} for {v}.",
                "The workshops of {e} make {v}.",
                "{e} sells a great deal of {v}.",
                "The wealth of {e} comes from {v}.",
                "At the market of {e} there is much {v}.",
                "Carts leave {e} loaded with {v}.",
                "Nobody in {e} is short of {v}.",
            ],
            &[
                "{e}远近闻名的特产是{v}。",
                "商人来{e}买{v}。",
                "{e}的作坊做{v}。",
                "{e}出售很多{v}。",
                "{e}的财富来自{v}。",
                "{e}的集市上有很多{v}。",
                "离开{e}的车上装满{v}。",
                "{e}的人从来不缺{v}。",
            ],
        ],
        questions: [
            &["What is {e} famous for?", "What does {e} sell?", "What goods come from {e}?", "For what is {e} known?"],
            &["{e}的特产是什么？", "{e}出售什么？", "{e}以什么闻名？", "请问{e}出产什么？"],
        ],
    },
];

/// Sentences that say nothing about anybody, between the statements of a story.
pub(super) const OPENINGS: [&[&str]; 2] = [
    &[
        "One rainy morning the travellers told each other what they had heard.",
        "It was market day and everyone was talking.",
        "The old innkeeper lit the stove and began to speak.",
        "When the snow had melted, news came over the hills.",
        "A stranger asked about the people of the valley — and was told this.",
        "“Sit down,” said the grandmother, “and listen.”",
        "At the well the talk went on until dark.",
        "The schoolchildren’s notes say the following.",
        "Here is what the old chronicle tells.",
        "From the diary of a wanderer.",
    ],
    &[
        "一个下雨的早晨，旅人们互相讲述听来的事。",
        "那天赶集，人人都在说话。",
        "老店主生起炉火，开始讲述。",
        "雪化以后，山那边传来了消息。",
        "有个外乡人打听山谷里的人，别人这样告诉他。",
        "“坐下吧，”老奶奶说，“听我讲。”",
        "井边的闲谈一直到天黑。",
        "学童的笔记这样写着。",
        "古老的编年史这样记载。",
        "摘自一位漫游者的日记。",
    ],
];
pub(super) const FILLERS: [&[&str]; 2] = [
    &[
        "Nobody doubted it.",
        "The wind blew through the trees.",
        "Then they laughed for a while.",
        "That is well known.",
        "The lamp burned low.",
        "It has always been so.",
        "Somebody poured more tea.",
        "The others nodded slowly.",
        "Outside it had stopped raining.",
        "And that was not all.",
        "So the story goes.",
        "Everyone agreed.",
    ],
    &[
        "没有人怀疑。",
        "风吹过树林。",
        "大家笑了一会儿。",
        "这是人人都知道的。",
        "灯火渐渐暗了。",
        "向来如此。",
        "有人又倒了茶。",
        "其他人慢慢点头。",
        "外面的雨停了。",
        "事情还不止这些。",
        "故事就是这样说的。",
        "大家都同意。",
    ],
];
pub(super) const CLOSINGS: [&[&str]; 2] = [
    &[
        "Then they all went to sleep.",
        "That was all for that day.",
        "The fire went out.",
        "And so the evening ended.",
        "Tomorrow there would be more to tell.",
    ],
    &["然后大家都去睡了。", "那天就说到这里。", "炉火熄了。", "夜晚就这样结束了。", "明天还有更多的故事。"],
];

/// Small talk: what a person may say and what is answered.
pub(super) const SMALL_TALK: [&[[&str; 2]]; 2] = [
    &[
        ["Hello!", "Hello! Ask me about the people, works and towns of the small world."],
        ["Hi!", "Hi! What would you like to know about the small world?"],
        ["Good morning!", "Good morning! How can I help you?"],
        ["Who are you?", "I am a small language model, and I know a small world."],
        ["What can you do?", "I can tell you about people, works and towns, and I can add numbers."],
        ["Thank you!", "You are welcome!"],
        ["How are you?", "I am well, thank you. What would you like to know?"],
        ["Goodbye!", "Goodbye! Come back soon."],
    ],
    &[
        ["你好！", "你好！可以问我小世界里的人、作品和小镇。"],
        ["早上好！", "早上好！我能帮你什么？"],
        ["你是谁？", "我是一个小小的语言模型，我知道一个小世界。"],
        ["你会做什么？", "我可以讲人、作品和小镇，也会做加法。"],
        ["谢谢！", "不客气！"],
        ["你好吗？", "我很好，谢谢。你想知道什么？"],
        ["再见！", "再见！欢迎再来。"],
        ["您好！", "您好！请问您想知道什么？"],
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn wordings_are_distinct_and_complete() {
        let mut seen = BTreeSet::new();
        for attribute in &ATTRIBUTES {
            for language in 0..2 {
                assert_eq!(attribute.statements[language].len(), 8);
                for wording in attribute.statements[language] {
                    assert!(seen.insert(wording), "{wording}");
                    let (e, v) = (wording.find("{e}").unwrap(), wording.find("{v}").unwrap());
                    assert!(e < v, "the name comes first: {wording}");
                }
                for wording in attribute.questions[language] {
                    assert!(seen.insert(wording) && wording.ends_with(['?', '？']), "{wording}");
                }
            }
        }
    }

    #[test]
    fn no_value_hides_inside_another_word_of_its_kind_or_in_a_wording() {
        let fixed = |language: usize| {
            let said = ATTRIBUTES.iter().flat_map(move |a| a.statements[language].iter().chain(a.questions[language]));
            let told = [OPENINGS, FILLERS, CLOSINGS].into_iter().flat_map(move |set| set[language].iter());
            let talk = SMALL_TALK[language].iter().flatten();
            said.chain(told).chain(talk).copied().collect::<Vec<_>>()
        };
        let all: BTreeSet<_> = ATTRIBUTES.iter().flat_map(|a| a.values).collect();
        for value in &all {
            for other in &all {
                assert!(value == other || !other[1].contains(value[1]), "{} in {}", value[1], other[1]);
            }
            for text in fixed(1) {
                assert!(!text.contains(value[1]), "{} in {text}", value[1]);
            }
            for text in fixed(0) {
                assert!(
                    !text.split(|c: char| !c.is_alphanumeric()).any(|word| word == value[0]),
                    "{} in {text}",
                    value[0]
                );
            }
        }
    }
}
