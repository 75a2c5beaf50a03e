"""Words of segment and region labels, in the languages that the sets and clinics write them in."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LESIONS: tuple[str, ...] = _words(
    """
    tumor tumors tumour tumours mass masses lesion lesions metastasis metastases metastatic metastase mets hcc
    hccs ccc icc icca ihcc crlm crlms necrosis hepatoma hepatomas cancer cancers carcinoma carcinomas carcinome neoplasm
    neoplasms neoplasia malignancy malignancies nodule nodules hemangioma hemangiomas haemangioma haemangiomas
    fnh hca cholangiocarcinoma cholangiocarcinomas hepatoblastoma hepatocarcinoma gtv gtvp gtvs tumore tumoren
    lasion lasionen laesion laesionen herd herde leberherd karzinom karzinome metastasen raumforderung
    raumforderungen rundherd nekrose nekrosen hamangiom haemangiom hepatozellular tumeur tumeurs chc masse
    necrose hemangiome angiome cholangiocarcinome tumori lesione lesioni metastasi massa nodulo noduli necrosi
    emangioma emangiomi epatocarcinoma carcinomi colangiocarcinoma tumores lesiones nodulos masa masas angioma
    angiomas lesao lesoes massas neoplasias tumoraal laesie laesies uitzaaiing uitzaaiingen gezwel hemangioom
    carcinoom nodus опухоль опухоли опухолевый образование образования очаг очаги метастаз метастазы рак гцр гцк
    гемангиома гемангиомы холангиокарцинома некроз карцинома новообразование новообразования 종양 병변 전이
    전이암 결절 혈관종 간암 간세포암 간종양 종괴 담관암종 肿瘤 腫瘤 腫瘍 肿块 腫塊 病灶 病変 病变 病變 转移瘤
    转移灶 转移 轉移 転移 坏死 壊死 肝癌 肝细胞癌 肝細胞癌 癌 血管腫 血管瘤 结节 結節 瘤 占位 肝内胆管癌 肝转移
    肝転移 肝転移巣 転移巣 転移性 转移性 肝母细胞瘤 肝芽腫 占位性病变
    filia filiae letsel letsels tumora tumoru tumorul guz guzy guza guzek guzki zmiana zmiany przerzut przerzuty
    przerzutow ognisko ogniska rak lezyon lezyonu lezyonlar lezyonlari kitle kitlesi kitleler metastaz metastazi
    metastazlar metastaza metastazy nador nadory nadoru lozisko loziska leziune leziuni svulst svulster kasvain
    kasvaimet etapesake
    """
)
"""Say lesion; one of them must be there, and no word below that speaks against it."""

LIVER_ONLY_LESIONS: tuple[str, ...] = _words(
    """
    cyst cysts adenoma adenomas abscess zyste zysten adenom adenome abszess kyste kystes abces cisti ciste
    quiste quistes cisto cistos cyste cysten adenomi ascesso absceso abscesso киста кисты аденома абсцесс 낭종
    囊肿 嚢胞 のう胞 囊腫 腺腫 腺瘤 膿瘍 脓肿
    tu tus mts meta metas sol loe
    """
)
"""Say lesion where the liver is named as well: other organs have them as often, and short words have other meanings."""

LIVER: tuple[str, ...] = _words(
    """
    liver leber foie hepar fegato higado figado lever levern leveren печень печени 간 간장 肝 肝臓 肝脏 肝臟
    karaciger karacigerde karacigerin watroba watroby watrobie jatra jater jatrech jetra jetre jeter maksa maksan
    maksassa ficat ficatul ficatului
    """
)
"""Say liver."""

HEPATIC: tuple[str, ...] = _words(
    """
    hepatic hepatocellular hepatisch hepatische hepatischer hepatique hepatiques epatica epatico epatiche
    epatici hepatica hepatico hepaticas hepaticos hepatisches hepatozellulares hepatocellulaire intrahepatic
    intrahepatisch intrahepatique печеночный печеночная печеночного гепатоцеллюлярная гепатоцеллюлярный
    hepatocelular epatocellulare hepatocellulair hepatozellulare 간세포 肝内 肝细胞 肝細胞
    """
)
"""Name the liver beside another word, not by themselves."""

NEGATIONS: tuple[str, ...] = _words(
    """
    no non not none never without minus less sub subtract* excl* exc exkl* except* exempt free negative neg
    absent absence outside outer pseudo* removed omit* spared sparing void  rest ohne kein* nicht
    frei ausser ausserhalb abzuglich ausgenommen ausgeschlossen weniger aussen sans pas aucun* hors moins sauf
    exclu* dehors libre indemne senza nessun* meno fuori eccetto esclus* sin ningun* menos fuera salvo sem nenhum* fora
    livre zonder geen niet buiten utan uden uten bez brez ilman без нет не кроме исключая исключ* минус вне un
    없는 없음 제외 비 아닌 제거 除く 除外 除去 除 以外 不含 不包括 无 無 没有 沒有 非 なし 外 减 減 未 不
    """
)
"""Take something away."""

UNCERTAIN: tuple[str, ...] = _words(
    """
    candidate* reject* discard* ignore* delete* remove draft* entwurf test temp tmp trash scratch unused dummy
    wrong falsch copy kopie copia copie
    possible possibly probable probably suspected suspicious susp suspect questionable equivocal maybe fraglich*
    verdacht unklar dd moglich* wahrscheinlich* douteux suspecte sospett* sospech* suspeit* подозрение возможно
    의심 疑い 疑似 可疑 疑
    """
)
"""Leave it open whether there is a lesion."""

DERIVED: tuple[str, ...] = _words(
    """
    eval remnant remain* flr ptv* ctv* itv* igtv* prv* pgtv* hgtv gtvn* gtvln* nodal margin* bed rim ring*
    exp expan* expand* dilat*
    erod* erosion shell halo border* edge* peri* paratumor* ablat* rfa mwa cryo* cavity cavities thromb* pvtt
    ivctt tiv emboli* chemoemboli* tace deb lipiodol treated treatment therap* sirt yttrium post* pre pre* old
    older prior previous former resect* hepatectomy surg* scar* edema oedema zone* area region* safety surround*
    adjac* near around next beside close toward* hull box bbox bounding cent* tract needle clip clips marker*
    fiducial* stent* seed* drain* artifact* artefact* boost opti* avoid* dose* isodose* gradient mirror*
    contralateral control background bkg normal healthy parenchyma* capsule* wall feeder* blood bleed* hematoma*
    haematoma* fluid ascites fat calcif* gas air deform* warp* registered propagat* rigid mr mri pet fdg suv
    cbct mip aip core shadow* effect* shape screening hyperplas* hypoplas* inflam* infect* fibro* cirrho* steat*
    thad nonviable devascul* response biopsy punch probe trajectory path access rand rander saum randsaum bett
    hohle tumorbett resektion* operiert* behandelt* ablation* embolis* alt alter alte altes fruher* ehemalig*
    umgebung umgebend* odem sicherheitssaum abstand narbe vor nach marge* bord bordure couronne lit cavite
    traite* ancien* autour oedeme cicatrice apres avant zone margine margini bordo letto cavita trattat* vecchi*
    intorno attorno dopo prima margen margenes borde lecho cavidad tratad* antigu* alrededor despues antes
    cicatriz operad* margem borda leito cavidade antig* redor apos depois oud oude rond behandeld* na voor край
    граница ложе полость после до старый старая вокруг отек тромб* абляци* резекци* эмболизаци* 혈전 절제 소작
    색전 가장자리 주변 부종 이전 술후 경계 癌栓 瘤栓 血栓 腫瘍栓 塞栓 栓塞 栓 焼灼 消融 术后 術後 切除 残腔 周围
    周囲 周圍 瘤周 边缘 辺縁 边界 浮腫 水肿 水腫 旧 陈旧 陳旧 瘢痕 术前 術前 照射 治疗后 治療後 区 域 床 腔
    """
)
"""Drawn from a lesion, or about one, and not the lesion itself; "*" = may go on."""

OTHER_PLACES: tuple[str, ...] = _words(
    """
    kidney* renal* nephr* adren* suprarenal* pancrea* spleen* splenic* lien* lung* pulmon* pleur* bronch*
    thorac* bone* osse* osteo* skelet* spine spinal vertebr* rib ribs sacr* iliac* femur* femor* hip pelvi*
    skull cranial brain* cereb* menin* glio* head neck throat laryn* pharyn* oro* naso* hypophar* tonsil* tongue
    parotid* saliva* thyroid* breast* mamm* axill* heart cardia* pericard* aort* cava ivc svc mediast* hilum
    hilar hilus stomach* gastr* gist duoden* jejun* ileum ileal bowel* intest* colon* colo* colic crc caec*
    cecum cecal appendi* rectum rectal* sigmoid* anus anal esoph* oesoph* mesent* periton* omentum omental
    retroperiton* carcinomatosis gallbladder* gb gall bile biliary cholecyst* choledoch* duct* ductal klatskin*
    bladder* urethra* ureter* urothel* uter* cervi* ovar* endometr* adnex* vagin* vulva* prostat* testi* penis
    penile seminal skin cutan* melanom* muscle* muscul* psoas soft tissue* sarcom* desmoid* thymus thymom*
    lymph* node* nodes ln lns nll lymphom* abdominal abdomen* body external patient couch vessel* vascul* vein*
    arter* diaphragm* chest mediastinal eye orbit* optic* nerve* neuro* neurino* schwann* cord plexus wall
    subcut* niere* nieren* nebenniere* pankreas* bauchspeichel* milz* lunge* lungen* knochen* hirn* gehirn*
    magen* darm* dunndarm* dickdarm* kolon* rektum* rektal* speiserohr* osophag* brust* schilddrus* gallen*
    gallengang* galle blase* harnblase* harnleiter* gebarmutter* eierstock* hoden* haut* muskel* lymphknoten*
    bauchfell* wirbel* rippe* becken* herz* gefass* gefaess* vene* pfortader* hals* kehlkopf* zunge* kopf* fett*
    gang rein reins renale renales surrenal* rate splenique* poumon* pulmonaire* os osseux osseuse* cerveau
    cerebral* estomac gastrique* intestin* grele sein* mammaire* vesicule biliaire* vessie uterin* ovaire* peau
    ganglion* ganglio* adenopath* vaisseau* veine* artere* coeur foetus col oesophag* colique* rene reni renali
    surren* milza polmon* ossa cervello stomaco mammell* seno tiroid* cistifellea colecist* biliar* vescica
    utero ovai* ovaric* linfonod* pelle cuore vasi vena vene dotto rinon* rinones suprarrenal* bazo esplen*
    hueso* oseo osea oseas cerebr* estomago gastric* mama* mamari* tiroide* vesicula vejiga ovari* linfatic*
    piel corazon vaso vasos conducto rim rins baco esplenic* pulma* pulmoes ossea osseas osso ossos cerebro
    tireoid* bexiga linfonodo* pele coracao veia* ducto* colonic* adrenais nier nieren bijnier* alvleesklier*
    pancreas* milt long longen bot botten hersen* maag borst* schildklier* galblaas* galweg* lymfeklier* lymf*
    huid hart bloedvat* ader* slokdarm* почк* почек почечн* надпочечник* поджелудочн* селезен* легк* кост* мозг*
    головн* желуд* кишк* кишеч* молочн* груд* щитовид* желчн* пузыр* матк* яичник* простат* лимф* кож* сосуд*
    вен* артери* пищевод* сердц* толст* прям* брюшин* мышц* позвон* протока протоков проток 신장 콩팥 부신 폐
    췌장 비장 뼈 골 뇌 위 대장 소장 직장 유방 갑상선 담낭 담관 방광 자궁 난소 전립선 림프절 림프 피부 심장 혈관
    정맥 동맥 식도 췌 腎 腎臓 肾 肾脏 副腎 肾上腺 腎上腺 肺 膵 膵臓 胰 胰腺 脾 脾脏 脾臓 骨 脳 脑 腦 胃 大腸
    小腸 结肠 結腸 直肠 直腸 肠 腸 食道 食管 乳 乳腺 乳房 甲状腺 胆囊 胆嚢 胆管 胆 膀胱 子宮 子宫 卵巣 卵巢
    前列腺 淋巴结 淋巴 リンパ節 リンパ 腹膜 皮膚 皮肤 筋 肌 心 血管 静脉 静脈 靜脈 动脉 動脈 门脉 門脈 喉 咽 鼻
    舌 頸 颈 頭 头 縦隔 纵隔 脊 椎 肋 盆 十二指肠 十二指腸 门静脉
    """
)
"""Organs and structures that are not the liver: a lesion there is none of the liver's, a vessel is none at all."""

OF_LESIONS: tuple[str, ...] = _words(
    """
    gy cgy cm mm diameter size dominant target index primary secondary secondaries big large small tiny viable vital
    vitaler vitale active recurrent enhancing enhanced hypervascular hypovascular hypodense hyperdense
    hypoattenuating solid cystic necrotic benign malignant maligne maligner malign benigne benigno maligno
    multifocal focal solitary multiple multi satellite daughter focale focales largest biggest nodular infiltrative
    diffuse hepatocellulare unifocal simple primitive primitif primitiva primitivo grande grand petit petite piccolo
    piccola grosse grosser kleine kleiner klein 原発性 原発 原发性 原发 多発 多发 单发 単発 大 小 性 恶性 悪性 良性 巣
    원발 큰 작은 다발성 악성 양성 большой
    малый
    """
)
"""Say how a lesion looks, which of several it is, its size or its dose: no matter beside its name, and beside the liver's a
sign that a lesion is meant."""

PARTS: tuple[str, ...] = _words(
    """
    ii iii iv iva ivb vi vii viii
    left right segment segments lobe lobes lobar dome caudate quadrate lateral medial anterior posterior
    superior inferior upper lower central peripheral subcapsular bilobar couinaud sector section half lt rt
    links rechts linke rechte linker rechter lappen leberlappen segmente gauche droit droite segmentectomy
    sinistro sinistra destro destra lobo izquierdo izquierda derecho derecha esquerdo esquerda direito direita
    segmento segmenti segmentos kwab левый левая левой правый правая правой доля доли доле сегмент сегмента
    сегменте 좌엽 우엽 엽 구역 分葉 左葉 右葉 左叶 右叶 葉 叶 左 右 段 区域 S
    """
)
"""Where in the liver: of a lesion no matter, of the liver only a part."""

JOINS: tuple[str, ...] = (
    *_words("""
    and with plus incl including include includes inclusive und mit samt inkl inklusive et avec y con e com en
    ed più piu mas mais og och med и плюс включая or oder ou o 및 과 와 포함 和 与 與 及 及び と 含 含む 并 带
    伴
    """),
    "\u0441",  # Russian: with
)
"""Put something beside the liver or a lesion."""

NEUTRAL: tuple[str, ...] = _words(
    """
    the of in at on a im der die das des dem den du de la le les l el los las il lo gli i nel nella del della dello
    do da dos van het een dans d na в на roi mask masks label labels contour contours structure organ volume vol
    whole total full entire complete gesamt gesamte ganze ganz gesamtleber entier entiere tout totale intero intera
    completo completa tutto todo toda inteiro geheel hele all alle final manual manuell manually auto automatic
    automated ai model edited edit corrected correct v ver version rev revised reader observer rater expert
    radiologist annotation annotated gt truth true groundtruth seg segm segmentation segmented segmentierung ct cect
    mdct union sum arterial venous portal portovenous delayed late early phase phases art ven nc dl native plain ap
    pvp vp dp hap arteriell venos portalvenos nativ spat ml cc number nr num new main gross cell cells single first
    second third intra totaal nii nrrd 分割 分割结果 标注 標注 분할 nouveau nuovo nuevo novo neu neue 全 整个 号 番 の
    的 部 期 門脈相 动脉期
    门脉期 动脉 전체 의 целиком вся весь полностью новый baseline followup fu timepoint totalsegmentator segmentator
    nnunet monai slicer
    mim autoseg autocontour raystation limbus mirada ogniskowa ogniskowe
    """
)
"""Change nothing about what is drawn."""

TRAILING: tuple[str, ...] = _words(
    """
    mass masses lesion lesions hcc
    """
)
"""One strange word behind one of these (a reader's name) does not matter: they are not called after organs that way."""
