"""What an emoji's file name says in words: u1f431.png is CAT FACE in Unicode, and so a picture of the words cat and face."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imgen.training import data

SKIN = {0x1F3FB: "light skin", 0x1F3FC: "light skin", 0x1F3FD: "medium skin", 0x1F3FE: "dark skin", 0x1F3FF: "dark skin"}
RENAMED = SKIN | {0x2764: "red heart", 0x200D: "", 0xFE0F: "", 0x20E3: "keycap"}
EMPTY = {"with", "of", "and", "in", "or", "on", "the", "a", "for", "sign", "symbol", "component", "emoji", "type", "ideograph"}
INK = {"black", "white", "heavy"}  # in the oldest names they mean filled, hollow and bold: the pictures have other colours

CHINESE = {
    "face": "脸", "cat": "猫", "dog": "狗", "heart": "心", "red": "红", "hand": "手", "man": "男人", "woman": "女人",
    "person": "人", "boy": "男孩", "girl": "女孩", "baby": "宝宝", "smiling": "微笑", "grinning": "大笑", "crying": "哭",
    "frowning": "皱眉", "clock": "钟", "sun": "太阳", "moon": "月亮", "star": "星", "cloud": "云", "rain": "雨",
    "fire": "火", "water": "水", "mountain": "山", "tree": "树", "flower": "花", "leaf": "叶", "apple": "苹果",
    "fruit": "水果", "green": "绿", "blue": "蓝", "yellow": "黄", "orange": "橙", "purple": "紫", "brown": "棕",
    "black": "黑", "white": "白", "circle": "圆", "square": "方", "large": "大", "small": "小", "ball": "球",
    "arrow": "箭头", "left": "左", "right": "右", "up": "上", "down": "下", "book": "书", "house": "房子", "car": "汽车",
    "train": "火车", "airplane": "飞机", "rocket": "火箭", "ship": "船", "police": "警察", "hat": "帽子", "shoe": "鞋",
    "fish": "鱼", "bird": "鸟", "horse": "马", "monkey": "猴", "bear": "熊", "mouse": "鼠", "cow": "牛", "pig": "猪",
    "rabbit": "兔", "tiger": "虎", "dragon": "龙", "rice": "米饭", "bread": "面包", "bottle": "瓶", "hair": "头发",
    "skin": "皮肤", "light": "浅色", "medium": "中等", "dark": "深色", "curly": "卷", "bald": "秃头", "letter": "字母",
    "digit": "数字", "kiss": "吻", "eyes": "眼睛", "mouth": "嘴", "ear": "耳朵", "finger": "手指", "foot": "脚",
    "king": "国王", "princess": "公主", "bride": "新娘", "runner": "跑步者", "wheelchair": "轮椅", "moneybag": "钱袋",
    "school": "学校", "computer": "电脑", "telephone": "电话", "envelope": "信封", "calendar": "日历", "chart": "图表",
    "lock": "锁", "key": "钥匙", "medal": "奖牌", "trophy": "奖杯", "music": "音乐", "musical": "音乐", "snow": "雪",
    "snowman": "雪人", "christmas": "圣诞", "bicyclist": "骑车人", "swimmer": "游泳者", "male": "男", "female": "女",
    "zero": "零", "squared": "方块字", "full": "圆满",
}  # so that a pupil can type 红心


def words(stem: str) -> list[str]:
    """The words of an emoji, by the code points in its file's name: "u1f431" -> ["cat", "face"]."""
    found: list[str] = []
    for code in (int(part, 16) for part in stem.removeprefix("u").split("_")):
        name = RENAMED.get(code, unicodedata.name(chr(code), "")).lower()
        old = code < 0x10000 and not ("circle" in name or "square" in name)
        found += [word for word in re.findall("[a-z]+", name) if word not in EMPTY and not (old and word in INK)]
    return list(dict.fromkeys(found))


def vocabulary(phrases: Iterable[list[str]], least: int = 2) -> list[str]:
    """The words that at least so many pictures have, the most common first."""
    counts = Counter(word for phrase in phrases for word in phrase)
    return sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))


def named(folder: Path, side: int) -> tuple[Tensor, Tensor, Tensor, list[str]]:
    """-> pictures (N, 3, side, side) uint8, shares of the words of each (N, V), how often to show each (N,), the words (V).

    Every picture's words have equal shares; one without a known word has none.  The many variants of one emoji (skins, hair,
    gender) share the root of their number, or every other face would be a policewoman's.
    """
    found = data.part(folder, held_out=False)
    phrases = [words(path.stem) for path in found]
    known = vocabulary(phrases)
    pictures = data.channels_first(np.stack([data.rgb(path, side) for path in found]))
    families = Counter(path.stem.split("_")[0] for path in found)
    weights = torch.tensor([families[path.stem.split("_")[0]] ** -0.5 for path in found])
    return pictures, shares(phrases, known), weights, known


def shares(phrases: list[list[str]], known: list[str]) -> Tensor:
    """(N, V): 1 / n for each of the n words that are known."""
    place = {word: n for n, word in enumerate(known)}
    out = torch.zeros(len(phrases), len(known))
    for row, phrase in zip(out, phrases, strict=True):
        row[[place[word] for word in phrase if word in place]] = 1
    return out / out.sum(1, keepdim=True).clamp(min=1)
