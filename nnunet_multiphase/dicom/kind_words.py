"""What descriptions and ImageType say of images that were made of plain ones; "*": a word may go on."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(word.split()) for word in text.split(","))


KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a projection (MinIP)": (
        _words(
            """
            minip*, min ip*, minimum intensity*, 最小密度投影, 最小値投影
            """
        ),
        _words(
            """
            MIN IP, MINIP, MINIMUM
            """
        ),
    ),
    "an average": (
        _words(
            """
            average*, AVG, AIP, AveIP, mean IP, MeanIP, mean, thick slab*, slab, Mittelwert*, gemittelt*,
            moyenne*, moyenné*, media ponderata, promedio, gemiddeld*, средн*, 平均, 평균
            """
        ),
        _words(
            """
            AVERAGE, MEAN, MEDIAN
            """
        ),
    ),
    "a projection (MIP)": (
        _words(
            """
            mip*, max ip*, maximum intensity*, ray sum, Projektion*, projection*, proyeccion*, 最大密度投影,
            最大値投影, 최대강도*, МИП
            """
        ),
        _words(
            """
            MIP, MAX IP, MAXIMUM, PROJECTION
            """
        ),
    ),
    "a subtraction": (
        _words(
            """
            subtract*, subtrakt*, SUB, DSA, soustract*, soustrait*, sottra*, sustrac*, substrac*, subtraç*,
            subtractie*, subtrah*, вычит*, субтракц*, 差分, 差影, 减影, 減影, サブトラクション, 감산,
            sure subtract*, minus, difference, differences, Differenzbild*, Differenzserie*, différence,
            differenza,
            diferencia, diferença
            """
        ),
        _words(
            """
            SUBTRACT, DIFFERENCE
            """
        ),
    ),
    "virtual non-contrast images": (
        _words(
            """
            VNC*, LVNC, VNCa, VNI, virtual non iod*, virtual non contrast, virtual unenhanced, virtual native*,
            VUE, VNUE,
            virtual plain, virtuell* nativ*, virtuell* ohne*, virtuel* sans*, virtuel* natif*,
            iodine suppress*, iodine remov*, virtual* sin contraste, virtual* sem contraste, virtual* senza*,
            virtueel* blanco, виртуальн*, 虚拟平扫, 虚拟非增强, 仮想単純, 仮想非造影, 가상 비조영,
            가상비조영, liver vnc*
            """
        ),
        _words(
            """
            VNC, VNI, VUE, VIRTUAL NON, VIRTUAL UNENH, MAT REMOVED, IODINE REMOV
            """
        ),
    ),
    "an iodine map": (
        _words(
            """
            iodine*, iod, iod map*, Jod*, iode, iodio, iodo, yodo, jodium*, jood*, water iod*, iod water,
            йод*, 碘, ヨード, 요오드, material dens*, GSI MD, fat(water), calcium(water), HAP(water)
            """
        ),
        _words(
            """
            IODINE, IOD MAP, MAT SPECIFIC, MAT FRACTIONAL, MAT MODIFIED, VALUE MAP
            """
        ),
    ),
    "virtual monoenergetic images": (
        _words(
            """
            mono e, mono, mono plus, mono +, monoe, monoenerg*, monoénerg*, monochrom*, monokinet*, monoerg*,
            VMI, keV, GSI mono, моноэнерг*, 单能, 單能, 単色, 仮想単色, 단색, optimum contrast,
            best contrast
            """
        ),
        _words(
            """
            MONO, VMI, KEV
            """
        ),
    ),
    "a map of atomic numbers or densities": (
        _words(
            """
            zeff*, z eff*, effective z, eff z, effective atomic*, effektive Ordnungszahl*, electron dens*,
            Elektronendichte*, rho, rho z, uric acid, fat map*, fat fraction, calcium map*,
            calcium suppress*, calc supp*, Ca supp*, fat image*, Fettkarte*, Fettbild*, carte* graisse*,
            density map*,
            Dichtekarte*, ECV, ECV map*, extracellular vol*, HAP water, spectral curve*, 有效原子序数, 実効原子番号
            """
        ),
        _words(
            """
            Z EFF, ZEFF, EFF ATOMIC, ELECTRON DENS, DENSITY MAP, CALCIUM SUPP, CALC SUPP, CA SUPP, RHO Z
            """
        ),
    ),
    "a time point or map of a perfusion scan": (
        _words(
            """
            perfusion*, perfusie*, perfusió*, perfusao, perfusão, perfuzj*, CTP, VPCT, 4D, MTT, TTP, TTD,
            TMAX, CBF, CBV, PBV, blood flow, blood volume, BF map, BV map, MIP t, temporal average, перфуз*,
            permeab*, K trans, Ktrans, HPI, ALP map*, AF map*, PVF map*, PF map*, PEI map*, TDC map*,
            parameter map*, parametric*, Parameterkarte*, parameterbild*, enhancement fraction, AEF, 灌注, 灌流,
            パーフュージョン, 관류
            """
        ),
        _words(
            """
            PERFUSION, PERMEAB, MTT, TTP, TMAX, CBF, CBV, PBV, DYNAMIC, BLOOD FLOW, BLOOD VOL
            """
        ),
    ),
    "images without bones": (
        _words(
            """
            bone remov*, bone rem, bone free, bones removed, no bone, no bones, knochenfrei*, ohne Knochen,
            sans os, senza osso, sin hueso, sem osso, 去骨, 骨除去, 骨抜き
            """
        ),
        _words(
            """
            BONE REM, BONE FREE
            """
        ),
    ),
    "a volume rendering": (
        _words(
            """
            VRT, VR, volume render*, SSD, surface shaded*, cinematic*, fly through, 容积再现
            """
        ),
        _words(
            """
            VOLUME RENDER, SURFACE RENDER, SHADED, 3D RENDER
            """
        ),
    ),
    "a reformatted series (MPR)": (
        _words(
            """
            MPR*, reformat*, reformatt*, multiplanar*, multiplan*, CPR, curved, thick range, MIP range,
            рекон MPR, мпр, 多平面, 曲面, 재구성 MPR
            """
        ),
        _words(
            """
            MPR, REFORMAT, RESAMPLED, CPR, CURVED
            """
        ),
    ),
    "a synthetic picture": (
        _words(
            """
            synthetic*, synthetisch*, synthetisiert*, synthétique*, sintetic*, sintétic*, syn CT, pseudo CT,
            simulated, simuliert*,
            合成
            """
        ),
        _words(
            """
            SYNTHETIC, SIMULATED
            """
        ),
    ),
    "images moved onto others (registered)": (
        _words(
            """
            registered, co registered, coregist*, registriert*, koregistr*, recalé, recalée, registrata,
            registrato,
            registrado, registrada, corregistr*, warped, deformed, deformiert, resampled, resliced
            """
        ),
        _words(
            """
            REGISTERED, WARPED, DEFORMED
            """
        ),
    ),
    "a fused or coloured picture": (
        _words(
            """
            fusion*, fused, fusionné*, overlay*, colour map*, color map*
            """
        ),
        _words(
            """
            FUSED, FUSION, OVERLAY
            """
        ),
    ),
    "a PET-CT's scan for attenuation correction": (
        _words(
            """
            CTAC, CT AC, AC CT, WB AC, ACCT, attenuation corr*, Schwächungskorrektur*, correction d'atténuation
            """
        ),
        (),
    ),
    "a bolus-tracking series": (
        _words(
            """
            premonitor*, monitoring*, smart prep*, bolus track*, test bolus, timing bolus, care bolus*,
            sure start*
            """
        ),
        (),
    ),
}
"""Kind -> words in a description, parts of ImageType's values (blanks for "_" and "-"). The first that fits is said."""

LUNG_OR_BONE: tuple[str, ...] = _words(
    """
    lung, lungs, lung window, bone, bones, bone window, boneplus, HRCT, HR lung, Lunge*, Lungenfenster*,
    Knochen*, poumon*, pulmonaire*, parenchyme pulm*, osseux, osseuse, polmon*, osso, ossa, osseo, pulmón,
    pulmon*, pulmonar*, hueso*, óseo, pulmão, óssea, longen, longvenster, botten, botvenster, легк*, легочн*,
    spine, spines, LWS, BWS, Wirbelsäule*, lumbar spine, rachis, colonna vertebrale, columna vertebral,
    coluna vertebral, wervelkolom, kręgosłup*, позвоноч*, 脊柱, 腰椎, 척추,
    кост*, płuc*, kości*, akciger*, 肺窗, 骨窗, 肺野, 肺野条件, 骨条件, 骨算法, 폐, 뼈
    """
)
"""In a description, where no kernel is named."""
