"""Word lists of Mandarin reading: neutral tones, 儿, and readings that phrase tables lack."""

from __future__ import annotations

# Words whose last syllable is always or usually neutral: after the list of the Putonghua proficiency test.
NEUTRAL_LAST = frozenset(
    """
    爱人 案子 巴掌 巴结 把子 白净 帮手 包袱 包涵 本事 鼻子 比方 扁担 别扭 拨弄 簸箕 补丁 部分 不由 不在 裁缝 财主 苍蝇
    差事 柴火 炊帚 刺猬 凑合 聪明 打扮 打点 打发 打量 打算 打听 大方 大爷 大夫 大意 耷拉 耽搁 耽误 单子 道士 灯笼 提防
    得罪 地道 地方 弟兄 点心 叮当 东家 东西 动静 动弹 豆腐 嘀咕 嘟囔 队伍 对付 对头 多少 耳朵 恶心 翻腾 房子 费用 风筝
    疯子 福气 父亲 干事 甘蔗 膏药 高粱 疙瘩 胳膊 告示 告诉 跟头 功夫 工夫 姑娘 姑爷 骨头 故事 寡妇 官司 棺材 罐头 怪物
    关系 规矩 闺女 哈欠 蛤蟆 含糊 行当 行李 合同 和尚 核桃 红火 厚道 狐狸 胡琴 胡同 葫芦 糊涂 护士 滑溜 荒唐 黄瓜 活泼
    伙计 火候 机灵 记号 记性 脊梁 家伙 嫁妆 架势 见识 将就 交情 叫唤 结实 街坊 姐夫 戒指 精神 介绍 开通 看见 咳嗽 客气
    口袋 窟窿 快活 困难 阔气 喇叭 篱笆 懒得 烂糊 老婆 老实 老太 老头 老爷 累赘 冷战 里脊 里头 力气 厉害 利害 利落 利索
    连累 凉快 粮食 铃铛 溜达 琉璃 石榴 萝卜 骆驼 罗嗦 妈妈 麻烦 麻利 马虎 码头 买卖 馒头 忙活 冒失 玫瑰 眉毛 媒人 媳妇
    门道 眯缝 迷糊 苗条 苗头 名堂 名字 明白 蘑菇 模糊 母亲 木匠 木头 那么 难为 脑袋 能耐 念叨 念头 娘家 奴才 女婿 暖和
    疟疾 盘缠 盘算 佩服 朋友 脾气 琵琶 枇杷 屁股 便宜 漂亮 婆家 铺盖 葡萄 欺负 荸荠 亲戚 勤快 清楚 情形 拳头 热闹 人家
    认识 软和 丧气 扫帚 扫把 商量 上司 烧饼 少爷 舌头 舍不得 身子 牲口 生意 师父 师傅 石匠 石头 时候 实在 拾掇 使唤 世故
    似的 事情 收成 收拾 首饰 舒服 舒坦 疏忽 爽快 顺当 思量 算计 岁数 踏实 太阳 笤帚 体面 甜头 挑剔 铁匠 跳蚤 停当 头发
    妥当 唾沫 挖苦 娃娃 晚上 窝囊 尾巴 委屈 位置 温和 稳当 窗户 媳妇 喜欢 下巴 下水 吓唬 先生 乡下 相声 消息 小伙 小气
    笑话 谢谢 心思 新鲜 星星 兄弟 休息 秀才 秀气 学生 学问 衙门 哑巴 胭脂 烟筒 眼睛 砚台 秧歌 养活 妖精 吆喝 钥匙 一辈
    衣服 衣裳 意识 意思 应酬 冤枉 冤家 鸳鸯 月饼 月亮 云彩 运气 在乎 造化 怎么 扎实 眨巴 栅栏 张罗 丈夫 丈人 帐篷 招呼
    招牌 折腾 这个 这么 枕头 芝麻 知识 指甲 指头 志气 主意 转悠 庄稼 壮实 状元 字号 自在 祖宗 嘴巴 作坊 琢磨 槟榔 棒槌
    棉花 牌楼 牙碜 特务 妯娌 婶婶 外甥 屁股 应酬 心里 正经 比量 滴答 白天 烂糊 畜生 痛快 痢疾 称呼 稀罕 答应 糨糊 结巴
    胡萝 能耐 脾气 自在 芝麻 菩萨 薄荷 街坊 讲究 记性 认得 趔趄 过去 邋遢 锄头 门道 阔气 难为 馄饨 吓唬 名堂 嘱咐 喉咙
    吉他 弄堂 蚂蚱 凤凰 拖沓 寒碜 糟蹋 倒腾 牢骚 咖喱 惦记 蜡烛 姥爷 照顾 熟悉 计划 幸福 分析 出息 刺激 匀称 交情 苗条
    嘟囔 编辑 含糊 差事 柴火 两口 丫头 来头 后头 前头 上头 外头 想头 看头 馋头 盼头 派头 劲头 锅巴 泥巴 干巴 尾巴 奶奶
    爷爷 哥哥 弟弟 妹妹 姐姐 爸爸 叔叔 伯伯 舅舅 姑姑 公公 婆婆 太太 宝宝 猩猩 蝈蝈 娃娃 什么 我们 你们 他们 咱们 它们
    她们 人们 孩子 为了 除了 罢了 算了 得了 极了 好了 来了 走了 咱们 觉得 记得 显得 值得 使得 晓得 懂得 舍得 免得 省得
    """.split()
)
NOT_NEUTRAL_LAST = frozenset(
    """
    男子 女子 分子 原子 量子 莲子 石子 瓜子 电子 学子 卵子 算子 质子 中子 粒子 离子 因子 核子 光子 亲子 王子 太子 天子 君子
    父子 母子 弟子 孔子 老子 孟子 庄子 孙子兵法 才子 棋子 种子选手 游子 童子 浪子 赤子 特工子 土地 大地 天地 各地 当地 本地
    外地 内地 工地 基地 场地 草地 陆地 耕地 田地 园地 局地 落地 目的 标的 有的放矢 获得 取得 所得 心得 难得 留得 求得 赢得
    博得 夺得 余额 金额 名额 数额 总额 巨额 差额 配额 份额 限额 税额 定额 全额 面额 前额 营业额 成交额 销售额 水滴 点滴 雨滴
    余地 阵地 领地 殖民地 目的地 所在地 墓地 圣地 胜地 绿地 湿地 盆地 高地 平地 实地 属地 产地 两地 异地 心地 质地 境地 见地
    死地 荒地 山地 林地 农地 土地 宝地 驻地 营地 空地 就地 遍地 扫地 席地 倒地 着地 坠地 特地 暗地 洼地 腹地 用地 占地 征地
    得 地 额 滴 哈 相得 贪得 自得 应得 不得 分得 购得 换得 幺儿 墨子 荀子 韩非子 天之骄子 独生子 长子 次子 幼子 养子 妻子儿女
    """.split()
)
DOUBLED_WITHOUT_NEUTRAL = frozenset(
    "人人 天天 年年 月月 日日 家家 户户 处处 事事 时时 刻刻 哈哈 嘻嘻 袅袅 熙熙 攘攘 冉冉 恳恳 佼佼 莘莘 青青 幺幺 虎虎 "
    "数数 想想 死死 吵吵 打打 考考 整整 津津 默默 往往 常常 渐渐 偏偏 仅仅 刚刚 恰恰 区区 堂堂 种种 比比 世世 代代 层层 "
    "步步 字字 句句 口口 声声 一一 二二 三三 四四 五五 六六 七七 八八 九九 零零 两两 双双 楚楚 依依 历历 寥寥 滔滔 茫茫".split()
)

ALWAYS_ERHUA = frozenset("小院儿 胡同儿 范儿 老汉儿 撒欢儿 妥妥儿 媳妇儿 哥们儿 爷们儿 娘们儿".split())
NEVER_ERHUA = frozenset(
    "女儿 男儿 婴儿 幼儿 孤儿 少儿 患儿 健儿 孩儿 胎儿 宠儿 幸运儿 弃儿 乞儿 聋儿 妻儿 孙儿 侄儿 侄孙儿 孪生儿 新生儿 早产儿 混血儿 "
    "婴幼儿 连体儿 流浪儿 体弱儿 我儿 俺儿 吾儿 有儿 一儿 为儿 护儿 替儿 救儿 瞒儿 虐儿 拐儿 生儿 育儿 托儿 花儿 虫儿 马儿 鸟儿 "
    "猪儿 猫儿 狗儿 鱼儿 风儿 月儿 云儿 红孩儿 蜜雪儿 可儿 美儿 祖儿 小儿 产儿 畸儿 模特儿 普洱儿 法儿 贝儿 尔儿".split()
)

# Readings that the phrase tables of pypinyin lack or have wrong.
PHRASES = {
    "行长": "hang2 zhang3", "银行行长": "yin2 hang2 hang2 zhang3", "长得": "zhang3 de5", "长大": "zhang3 da4",
    "重来": "chong2 lai2", "还款": "huan2 kuan3", "还钱": "huan2 qian2", "还书": "huan2 shu1", "还债": "huan2 zhai4",
    "一行人": "yi1 xing2 ren2", "朝阳区": "chao2 yang2 qu1", "朝阳": "zhao1 yang2",
    "东莞": "dong1 guan3", "六安": "lu4 an1", "蚌埠": "beng4 bu4", "丽水": "li2 shui3", "台州": "tai1 zhou1",
    "大夫": "dai4 fu5", "了解": "liao3 jie3", "便宜": "pian2 yi5", "好奇": "hao4 qi2", "爱好": "ai4 hao4",
    "音乐": "yin1 yue4", "快乐": "kuai4 le4", "乐队": "yue4 dui4", "数学": "shu4 xue2", "数一数": "shu3 yi5 shu3",
    "数不清": "shu3 bu5 qing1", "差不多": "cha4 bu5 duo1", "出差": "chu1 chai1", "差点": "cha4 dian3",
    "着急": "zhao2 ji2", "睡着": "shui4 zhao2", "着火": "zhao2 huo3", "看着": "kan4 zhe5", "着陆": "zhuo2 lu4",
    "为什么": "wei4 shen2 me5", "因为": "yin1 wei4", "认为": "ren4 wei2", "成为": "cheng2 wei2",
    "地铁": "di4 tie3", "都市": "du1 shi4", "首都": "shou3 du1", "都是": "dou1 shi4", "都会": "dou1 hui4",
    "教书": "jiao1 shu1", "教室": "jiao4 shi4", "睡觉": "shui4 jiao4", "觉得": "jue2 de5", "头发": "tou2 fa5",
    "理发": "li3 fa4", "发现": "fa1 xian4", "中奖": "zhong4 jiang3", "中毒": "zhong4 du2", "种地": "zhong4 di4",
    "种树": "zhong4 shu4", "空调": "kong1 tiao2", "调查": "diao4 cha2", "调整": "tiao2 zheng3", "没收": "mo4 shou1",
    "角色": "jue2 se4", "主角": "zhu3 jue2", "血液": "xue4 ye4", "流血": "liu2 xue4", "薄弱": "bo2 ruo4",
    "单于": "chan2 yu2", "参差": "cen1 ci1", "人参": "ren2 shen1", "供给": "gong1 ji3", "给予": "ji3 yu3",
    "会计": "kuai4 ji4", "仔细": "zi3 xi4", "勉强": "mian3 qiang3", "倔强": "jue2 jiang4", "处理": "chu3 li3",
    "好处": "hao3 chu4", "到处": "dao4 chu4", "传记": "zhuan4 ji4", "自传": "zi4 zhuan4", "转圈": "zhuan4 quan1",
    "圈养": "juan4 yang3", "暖和": "nuan3 huo5", "和面": "huo2 mian4", "附和": "fu4 he4", "弹琴": "tan2 qin2",
    "子弹": "zi3 dan4", "兴奋": "xing1 fen4", "高兴": "gao1 xing4", "应该": "ying1 gai1", "反应": "fan3 ying4",
    "假期": "jia4 qi1", "放假": "fang4 jia4", "背包": "bei1 bao1", "背书": "bei4 shu1", "量体温": "liang2 ti3 wen1",
    "测量": "ce4 liang2", "质量": "zhi4 liang4", "散步": "san4 bu4", "散文": "san3 wen2", "分量": "fen4 liang4",
    "成分": "cheng2 fen4", "部分": "bu4 fen5", "间隔": "jian4 ge2", "中间": "zhong1 jian1", "曾经": "ceng2 jing1",
    "姓曾": "xing4 zeng1", "姓任": "xing4 ren2", "单位": "dan1 wei4", "相机": "xiang4 ji1", "照相": "zhao4 xiang4",
    "互相": "hu4 xiang1", "率领": "shuai4 ling3", "效率": "xiao4 lv4", "答应": "da1 ying5", "回答": "hui2 da2",
    "切记": "qie4 ji4", "一切": "yi2 qie4", "冠军": "guan4 jun1", "奇数": "ji1 shu4", "颈椎": "jing3 zhui1",
    "尽管": "jin3 guan3", "尽力": "jin4 li4", "尽快": "jin3 kuai4", "累积": "lei3 ji1", "劳累": "lao2 lei4",
    "宁可": "ning4 ke3", "安宁": "an1 ning2", "铺满": "pu1 man3", "店铺": "dian4 pu4", "强迫": "qiang3 po4",
    "称职": "chen4 zhi2", "对称": "dui4 chen4", "名称": "ming2 cheng1", "盛饭": "cheng2 fan4", "似乎": "si4 hu1",
    "似的": "shi4 de5", "露面": "lou4 mian4", "暴露": "bao4 lu4", "模样": "mu2 yang4", "模型": "mo2 xing2",
    "载体": "zai4 ti3", "下载": "xia4 zai4", "记载": "ji4 zai3", "一年半载": "yi4 nian2 ban4 zai3",
    "钻石": "zuan4 shi2", "钻研": "zuan1 yan2", "挣钱": "zheng4 qian2", "挣扎": "zheng1 zha2", "闷热": "men1 re4",
    "倒车": "dao4 che1", "倒下": "dao3 xia4", "打倒": "da3 dao3", "投降": "tou2 xiang2", "下降": "xia4 jiang4",
    "绿林": "lu4 lin2", "熟悉": "shu2 xi1", "朝鲜": "chao2 xian3", "校对": "jiao4 dui4", "学校": "xue2 xiao4",
    "难民": "nan4 min2", "灾难": "zai1 nan4", "困难": "kun4 nan5", "宿舍": "su4 she4", "星宿": "xing1 xiu4",
    "一宿": "yi4 xiu3", "当作": "dang4 zuo4", "上当": "shang4 dang4", "当时": "dang1 shi2", "少年": "shao4 nian2",
    "多少": "duo1 shao5", "省略": "sheng3 lve4", "反省": "fan3 xing3", "看守": "kan1 shou3", "担心": "dan1 xin1",
    "重担": "zhong4 dan4", "扁担": "bian3 dan5", "喝彩": "he4 cai3", "咽喉": "yan1 hou2", "哽咽": "geng3 ye4",
    "行走": "xing2 zou3", "行业": "hang2 ye4", "道行": "dao4 heng2", "中国人民银行": "zhong1 guo2 ren2 min2 yin2 hang2",
    "为了": "wei4 le5", "干净": "gan1 jing4", "干活": "gan4 huo2", "能干": "neng2 gan4", "只好": "zhi3 hao3",
    "一只": "yi4 zhi1", "两只": "liang3 zhi1", "几只": "ji3 zhi1", "船只": "chuan2 zhi1", "背着": "bei1 zhe5", "孙子兵法": "sun1 zi3 bing1 fa3", "献血": "xian4 xue4", "出血": "chu1 xue4", "曾国藩": "zeng1 guo2 fan1",
}  # fmt: skip
# Listed phrases that have another reading too: decided character by character.
AMBIGUOUS = frozenset("一行 长了 种了 长着".split())

SURNAMES = {
    "曾": "zeng1", "单": "shan4", "任": "ren2", "仇": "qiu2", "解": "xie4", "查": "zha1", "朴": "piao2", "区": "ou1", "盖": "ge3",
    "华": "hua4", "翟": "zhai2", "覃": "qin2", "缪": "miao4", "乐": "yue4", "宁": "ning4", "葛": "ge3", "尉": "wei4", "卜": "bu3",
}  # fmt: skip
