"""Words that scanners and hospitals write into descriptions, by what they mean for the phase; "*": a word may go on."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(word.split()) for word in text.split(","))


PHASE_WORDS: dict[str, tuple[str, ...]] = {
    "nc": _words(
        """
        non contrast*, no contrast, without contrast, w/o contrast, wo contrast, w/o, wo, w/out, without,
        w/out contrast, without iv*, without con*, w/o iv*, w/o con*, wo con*, non con, non contr*, non iv,
        no iv, no iv contrast, no con, noncon*, pre contrast*, pre con, pre contr*, pre inj*, pre iv*,
        unenhanced, unenh*, non enhanced, non CE, non C, non enh*, plain, native, nc, ncct, nect, tnc, pre, c-,
        c(-), KM-, IV-, keine KM*, kein Kontrast*, keine Kontrast*, no KM, KM nein, kontrastfrei*, kontrastmittelfrei*,
        non CECT, non CTA, not enhanced, un enhanced, senza ev,
        true non contrast, true unenhanced, non contrast phase, noncontrast phase, c- phase, nativ, nat,
        nativphase*, nativscan*, nativserie*, nativer, nativen, natives, nativaufnahme*, ohne KM*, o. KM*,
        o KM*, ohne Kontrast*, ohne i.v.*, Leeraufnahme*, Leerserie*, Leerscan*, KM frei*, unkontrastiert*,
        vor KM*, vor Kontrast*, nicht kontrast*,
        kein KM, natif*, sans injection*, sans inj*, sans contraste*, sans iv, sans pdc, sans pc,
        sans produit*, non injecte*, non inj, avant injection*, avant inj*, avant contraste*, senza, senza mdc,
        senza m.d.c., senza mezzo*, senza contrasto*, senza contr*, smdc, s/mdc, s.mdc, basale, fase basale,
        diretta, fase diretta, pre mdc, prima del mdc, prima del mezzo*, nativa, nativo, sin contraste*,
        sin contr*, sin civ, sin cte, sin cto, s/c, simple, fase simple, basal, fase basal, sem contraste*,
        sem contr*, s/ contr*, s/contr*, s/civ, sem ev, sem iv, pré contraste*, pre contraste*, fase pré*,
        sin medio*, sem meio*, previo al contraste, zonder contrast*, zonder, natief, blanco, voor contrast*,
        bez kontrast*, bez kontr*, bez KM, bez KL, przed kontr*, przed podan*, natywn*, nativní*, nativn*,
        před k.l.,
        utan kontrast*, uden kontrast*, uten kontrast*, kontrastsız*, nonkontrast*, prekontrast*, pre kontrast*,
        без контраст*,
        без контр*, без ку, без кв, бесконтраст*, неконтраст*, нативн*, натив, до контраст*, до введения*,
        до ку, 平扫, 平掃, 平扫期, 非增强, 非增強, 未增强, 单纯, 單純, 単純, 非造影, 造影前, 造影なし,
        プレーン, 조영전, 조영 전, 비조영, 비 조영, 단순, 조영증강전, 조영 증강 전
        """  # noqa: RUF001
    ),
    "art": _words(
        """
        arterial*, art, arts, artery, arteries, art phase, late arterial*, early arterial*, late art*,
        early art*, HAP, LAP, EAP, LHAP, EHAP, arterial phase delay, late hepatic art*, early hepatic art*,
        hepatic arterial*, hepatic art, hepatic artery, late (arterial), early (arterial), early phase,
        a phase, late AP, art tard, sp art*, late HAP, early HAP, c+a, c+ art, a+c, portal inflow*,
        portal venous inflow*, PV inflow*, PVIP,
        pancreatic phase, panc phase, aortic phase,
        pancreatic parenchym*, corticomedullar*, cortico medullar*, cortical phase, late A phase,
        early A phase, arteriell*, früh arteriell*, früh art*, frühe art*, spät arteriell*, spaet arteriell*,
        spät art*, spaet art*, späte art*, spaete art*, arteriel*, Pankreasphase*, pankreatische Phase*,
        Frühphase*, kortikomedull*, artériel* tardi*, artériel* précoce*, art tardi*, art précoce*,
        corticomédull*, arterios* tardi*, arterios* precoce*, arteriosa, arterioso, arteriose, arteriosi,
        arterial* tardi*, arterial* precoc*, arterial* tempran*, corticomid*, fase pancreatica,
        fase pancreática, tardi* arterial*, precoce arterial*, arterieel*, arterieël*, arteriële*,
        laat arteri*, late arteri*, vroeg arteri*, vroege arteri*, tętnicz*, późn* tętnicz*,
        wczesn* tętnicz*, późn* faz* tętnicz*, wczesn* faz* tętnicz*, arteriální*, pozdní arteri*, artärfas*,
        artär, sen artär*, tidig artär*,
        sen arteri*, senarteri*, tidig arteri*, tidigarteri*, arteriefas*, arteryel*, arteriyel*,
        geç arter*, erken arter*, артериальн*, артер*, арт, арт фаза,
        поздн* арт*, ранн* арт*, артериальн* фаз*, 动脉, 動脈, 动脉期, 動脈期, 動脈相, 動脈優位相, 动脉晚期,
        动脉早期, 早期动脉, 晚期动脉, 早期動脈, 後期動脈, 動脈早期, 動脈晚期, 動脈後期, 早期相, 动脉期早期,
        动脉期晚期, 肝动脉期, 肝動脈相, 皮质期, 皮質期, 皮髓质期, 皮髄相, 동맥, 동맥기, 초기 동맥*,
        후기 동맥*, 조기 동맥*
        """
    ),
    "pv": _words(
        """
        portal*, portal venous*, portal ven*, portal vein*, porto venous*, venous*, ven, PV, PVP, VP, HVP,
        late portal*, late portal venous*, early portal*, early venous*, port ven*, portoven*, porta,
        portal phase, portal venous phase, port phase, fase port, f. port, v phase, PV phase, PP, c+v, c+p, c+pv, c+ pv,
        hepatic phase, vein phase, hepatic vein phase,
        hepatic venous*, hepatic parenchym*, parenchymal phase, venös*, venoes*, portal venös*,
        portal venoes*, pv venös*, portvenös*, portven*, portalphase*, spät portal*, spaet portal*,
        früh venös*, hepatische Phase*, hepatisch venös*, parenchymatös*, Parenchymphase*, hepatovenös*,
        V. portae, vena portae, venenphase*, portovenös*, porto veineu*, veineu*, temps portal*, tps portal*,
        parenchymateu*, venos*, porto venos*, portale*, portovenos*, venosa portal*, parenchimal*,
        fase portal*, fase hepática, fase epatica, portal tardi*, venos* precoc*, epatica venosa, portaal*,
        porto veneu*, portoveneu*, veneus, veneuze, portaal veneu*, wrotn*, żyln*, wrotno żyln*, miąższow*, venóz*,
        venoz*, portovenóz*, portální*, portafas*, portovenös fas*, portavenös*, venfas*, портальн*,
        порто веноз*, портовеноз*, венозн*, портал*, вен, вен фаза, воротн*, паренхиматозн*, печеночн* фаз*,
        门脉, 門脈, 门脉期, 門脈期, 门静脉, 門靜脈, 門静脈, 门静脉期, 门静脉晚期, 門静脈晩期, 静脉, 靜脈, 静脈, 静脉期,
        靜脈期,
        静脈期, 静脉相, 静脈相, 門脈相, 門脈優位相, 肝实质期, 肝實質期, 肝実質相, 实质期, 實質期, 문맥, 문맥기, 정맥, 정맥기,
        간문맥
        """
    ),
    "dl": _words(
        """
        delayed*, delay, delays, dly, late, late phase, late venous*, late ven, delayed venous*, early delayed, early delay,
        late delayed, delayed phase, equilibrium*, equil, equilib*, excretory, excretion*, excret*, wash out,
        washout, DP, EQ, d phase, c+d, c+ del, del phase, del, urographic phase, interstitial phase, Spätphase*,
        Spaetphase*, spät*, spaet*, spät venös*, spaet venoes*, verzögert*, verzoegert*, Gleichgewicht*,
        Äquilibrium*, Aequilibrium*, Ausscheidung*, Exkretion*, Urographiephase*, tardi*, tardif,
        tard, temps tardi*, tps tardi*, tardi* veineu*, équilibre*, excréteu*, excrétoire*, retardé*, délai, tardi* ven*,
        ven* tardi*, equilibrio*, escretor*, escreti*, ritardat*, retardad*, retraso, retardo, eliminación*,
        eliminação*, eliminazione, excretor*, equilíbrio*, late fase*, laat, laat veneu*, late veneu*,
        uitgesteld*, vertraagd*, evenwicht*, uitscheiding*, opóźnion*, opozn*, późn*, późn* żyln*, równowag*,
        wyrównaw*,
        wydzielnicz*, pozdní*, vylučovac*, sen fas*, senfas*, sen venös*, senvenös*, utsöndring*,
        geç faz*, geç ven*, gecikmiş*,
        gecikme*, geç, denge faz*, отсроч*, поздн*, поздн* вен*, равновес*, выделительн*, экскретор*, отложенн*,
        延迟,
        延遲, 延迟期, 延遲期, 静脉晚期, 晚期静脉, 静脈晩期, 晩期静脈, pozdní venóz*, sent venös*, sp ven*,
        veineu* tardi*, 延时, 延時, 延时期, 平衡期, 平衡相, 遅延, 遅延相, 後期相, 晩期相, 排泄期,
        排泄相, 分泌期, 지연, 지연기, 지연상, 평형기, 배설기
        """
    ),
}
"""In English, German, French, Italian, Spanish, Portuguese, Dutch, Polish, Czech, Swedish, Turkish, Russian, CJK."""

VENOUS_WORDS: frozenset[str] = frozenset(
    word.replace("*", "")
    for word in _words(
        """
        venous*, ven, early venous*, vein phase, v phase, venös*, venoes*, früh venös*, venenphase*, veineu*,
        venos*,
        veneus, veneuze, żyln*, venóz*, venoz*, venfas*, венозн*, вен, вен фаза, 静脉, 靜脈, 静脈, 静脉期, 靜脈期,
        静脈期, 静脉相, 静脈相, 정맥, 정맥기
        """
    )
)
"""Of the portal venous phase, those that name no vein: with a delay of minutes they name the delayed phase."""

LATE_ARTERIAL_WORDS: tuple[str, ...] = _words(
    """
    late art*, late (arterial), late hepatic art*, late a phase, late AP, LAP, LHAP, late HAP, portal inflow*, PVIP,
    portal venous inflow*, pv inflow*, pancreatic phase, pancreatic parenchym*, Pankreasphase*, spät art*,
    späte art*, spaet art*, artériel* tardi*, art tardi*, arterios* tardi*, arterial* tardi*, laat arteri*,
    tardi* art*, art tard, sp art*, late arteri*, sen arteri*, senarteri*, późn* tętnicz*,
    późn* faz* tętnicz*, pozdní arteri*, sen artär*, geç arter*,
    поздн* арт*,
    动脉晚期, 晚期动脉, 动脉期晚期, 動脈晚期, 後期動脈, 動脈後期, 후기 동맥
    """
)
EARLY_ARTERIAL_WORDS: tuple[str, ...] = _words(
    """
    early art*, early (arterial), early hepatic art*, early a phase, EAP, EHAP, early HAP, früh art*, frühe art*,
    artériel* précoce*, art précoce*, arterios* precoce*, arterial* precoc*, arterial* tempran*,
    precoce arterial*, vroeg* arteri*, wczesn* tętnicz*, wczesn* faz* tętnicz*, tidig artär*,
    tidig arteri*, tidigarteri*, erken arter*,
    ранн* арт*, 动脉早期,
    早期动脉, 动脉期早期, 早期動脈, 動脈早期, 초기 동맥, 조기 동맥
    """
)
"""Of arterial volumes the late one is used: lesions show on it."""

CONTRAST_WORDS: tuple[str, ...] = _words(
    """
    with contrast, w contrast, post contrast, enhanced, enhancement, CECT, C+, C(+), KM+, IV+, mit KM, nach KM, KM,
    Kontrast*, post KM, avec injection*, avec contraste, injecte*, con contrast*, con mdc, con civ, dopo mdc,
    con mezzo*, com contraste, pós contraste, met contrast, na contrast, с контраст*, с ку, z kontrastem,
    kontrastlı, med kontrast, CTA, angio*, 增强, 增強, 増強, 造影, 조영
    """  # noqa: RUF001
)
"""Say no more than that there is contrast."""

NO_AGENT_WORDS: tuple[str, ...] = _words(
    """
    no, none, nein, kein, keine, without, ohne, sans, aucun, senza, nessuno, sin, ninguno, sem, nenhum,
    zonder, geen, нет, без, bez, なし, 无, 無, 없음
    """
)
ORAL_AGENT_WORDS: tuple[str, ...] = _words(
    """
    oral*, per os, p.o., rectal*, rektal*, water, Wasser, eau, acqua, agua, água, mannitol, barium,
    gastrografin*, gastromiro*, gastro*, volumen, milk
    """
)
"""In ContrastBolusAgent."""

CAUTIOUS_WORDS: tuple[str, ...] = _words(
    """
    pre, late, plain, native, nativa, nativo, simple, basal, basale, diretta, without, w/o, wo, delayed*,
    delay, zonder, laat, porta, artery, arteries, excretion*, tardi*, s/c, del, nat, senza
    """
)
"""Words of everyday language too: they count only where nothing or a word of SCAN_WORDS follows, beside no INTERVENTIONS."""

BEFORE_NUMBERS: frozenset[str] = frozenset({"del"})
"""Of these the ones that count before a number or the end alone: in Italian and Spanish, "of the"."""

SCAN_WORDS: frozenset[str] = frozenset(
    _words(
        """
        abd, abdo, abdome, abdomen, abdominal, acq, addome, admire, adomen, aice, aidr, and, ap, arterial,
        asir, ax, axi, axial, bauch, becken, bekken, bh, body, breath, buik, cap, chest, cm, contrast,
        contraste, contrasto, ct, cta, delay, dlir, dose, exp, fas, fase, faza, fbp, fegato, figado, foie,
        helical, helix, hepatic, higado, idose, inf, insp, iv, km, kontrast, kub, leber, lever, liver, low,
        mdc, min, mins, mm, oberbauch, pel, pelv, pelvis, ph, phase, phases, rec, recon, rek, s, safire,
        scan, sec, seq, serie, series, soft, spiral, spirale, standard, std, stnd, sup, superior, superiore,
        tac, tap, tc, tdm, thick, thin, thorax, torax, total, tra, trans, upp, upper, venous, veo, w
        """
    )
)

INTERVENTIONS: tuple[str, ...] = _words(
    """
    biops*, punktion*, puncture*, planning, planung, drain*, ablat*, RFA, MWA, IRE, TACE, TARE, SIRT, TIPS,
    transplant*, surg*, pre op*, post op*, preop*, postop*, op, guided, guidance, interven*, resect*, embol*,
    needle*
    """
)

NO_PHASE_WORDS: tuple[str, ...] = _words(
    """
    virtual non contrast*, virtual unenh*, virtual nativ*, virtual plain, virtuell nativ*, VNC, VUE,
    虚拟平扫, 仮想単純, 仮想非造影, 가상 비조영, виртуальн* натив*, portal vein embol*, portal venous embol*,
    PV embol*, PVP embol*, PVE, portal vein thromb*, portal thromb*, PV thromb*, PVT, portal hypert*,
    porta hepatis, porta cath*, port a cath*, pulmonary art*, pulmonary ven*, pulmonary vein*,
    pulmonary embol*, coronary art*, carotid art*, renal art*, renal ven*, arterial sten*, arterial embol*,
    arterial thromb*, arterial port, arterial access, arterial line, arterial ablat*,
    arterial infusion*, arterial chemo*,
    venous access, venous line, venous malf*, venous thromb*, venous sampl*, deep ven*, leg ven*,
    lower extremity*, intra arterial*, intra venous*, arterio venous*, hepatic artery infusion*,
    hepatic artery chemo*, hepatic arterial infusion*, hepatic arterial chemo*, vascular lab, PP prone,
    prone PP, art of, state of the art, metal art, metall art, art red, art reduc*, non arterial*, not arterial*,
    nicht arteriell*, vena cava*, spatial*, VP shunt*, lap chole*, lap append*, lap band, post lap,
    пульм*, легочн* арт*, коронар* арт*, сонн* арт*,
    воротн* тромб*, 主动脉, 大動脈, 肺动脉, 肺動脈, 冠状动脉, 冠狀動脈, 冠動脈, 冠脉, 颈动脉, 頸動脈, 椎动脉,
    椎動脈, 肾动脉, 腎動脈, 下肢动脉, 下肢動脈, 下肢静脉, 下肢静脈, 肺静脉, 肺静脈, 动静脉, 動静脈, 動靜脈,
    대동맥, 폐동맥, 관상동맥, 경동맥, 동정맥, 腎実質相, 肾实质期, 腎實質期, 膵実質相
    """
)
"""Removed before phases are looked for: vessels and what is done to them, images computed of a phase, artefact reduction."""
